"""Rate limits: requests, and operations that cost more than one.

A request counts against its caller: the user of a genuine token, else the address. The requests of all
accounts of an address, and those that are free, count against the address, whose limit is ten times as
high (docs/decisions/0006).
"""

import logging
from dataclasses import dataclass
from math import ceil
from time import time

from flask import current_app
from flask_limiter import Limiter, RequestLimit
from limits import RateLimitItem, WindowStats, parse_many
from limits.errors import StorageError
from werkzeug.exceptions import TooManyRequests

from shop.hypermedia.callers import find_address, name_caller
from shop.hypermedia.request import request_state
from shop.hypermedia.runtime import get_runtime

DEFAULT, ADDRESS = POLICIES = ("default", "address")
CEILING = 10  # times as much for all callers of an address together
PREFIX = "shop"

log = logging.getLogger("shop")

Bucket = tuple[RateLimitItem, str, str]  # a limit, whom it counts, and the policy it belongs to


def get_limiter() -> Limiter:
    (found,) = current_app.extensions["limiter"]
    return found


def parse_limits(text: str, times: int = 1) -> list[RateLimitItem]:
    return [type(item)(item.amount * times, item.multiples) for item in parse_many(text)]


@dataclass(frozen=True)
class RequestLimits:
    """The limits of every request, checked without the overhead of Flask-Limiter.

    Flask-Limiter first finds out which of its kinds of limits apply, which takes longer than the rest of a
    small answer. It is called where a limit is exceeded, and while its store does not answer.
    """

    guard: Limiter
    limits: list[RateLimitItem]
    ceilings: list[RateLimitItem]

    def buckets(self, who: str, place: str, *, is_free: bool = False) -> list[Bucket]:
        """Return the limits that a request of this caller from this address counts against."""
        ceilings = [(item, place, ADDRESS) for item in self.ceilings]
        if is_free:
            return ceilings
        own = [(item, who, DEFAULT) for item in self.limits]
        return own if who == place else ceilings + own

    def within(self, *, is_free: bool = False) -> bool:
        buckets = self.buckets(name_caller(), find_address(), is_free=is_free)
        if not self.hit(buckets):
            return False
        request_state().limits = [RequestLimit(self.guard, item, [PREFIX, who, policy], False, False)
                     for item, who, policy in buckets]  # fmt: skip
        return True

    def hit(self, buckets: list[Bucket], cost: int = 1) -> bool:
        if self.guard.limiter.storage is not self.guard.storage:
            return False
        hit = self.guard.limiter.hit
        try:
            return all(hit(item, PREFIX, who, policy, cost=cost) for item, who, policy in buckets)
        except StorageError:
            return False

    def windows(self, who: str) -> list[tuple[str, RateLimitItem, WindowStats]]:
        stats = self.guard.limiter.get_window_stats
        try:
            return [(DEFAULT, each, stats(each, PREFIX, who, DEFAULT)) for each in self.limits]
        except StorageError:
            log.warning("the store of the limits does not answer")
            return []


def count_call() -> None:
    """Count a request that does not come through the hooks of the app."""
    common: RequestLimits = get_runtime().limits
    if not common.within():
        common.guard._check_request_limit()


def count_hit(limit: RequestLimit, cost: int = 1) -> bool:
    try:
        return get_limiter().limiter.hit(limit.limit, *limit.request_args, cost=cost)
    except StorageError:
        log.warning("the store of the limits does not answer")
        return True


def get_current_limits() -> list[RequestLimit]:
    """Return the limits that this request was counted against."""
    return request_state().limits or get_limiter().current_limits


def get_policy(limit: RequestLimit) -> str:
    return limit.request_args[-1]


def count_seconds_left(limit: RateLimitItem, window: WindowStats) -> int:
    """Return the seconds until a window ends, rounded up so that waiting them is enough.

    They are never more than the window is long: a store may have kept its end by a clock that was set since.
    """
    return min(limit.get_expiry(), max(1, ceil(window.reset_time - time())))


def count_seconds_to_wait() -> int:
    """Return the seconds until the limits that this request broke start again."""
    return max(
        (count_seconds_left(each.limit, each.window) for each in get_current_limits() if each.breached),
        default=1,
    )


def charge(cost: int) -> None:
    """Count what an operation costs; one request of it is counted already, and more than all cannot be."""
    for limit in get_current_limits():
        more = min(cost, limit.limit.amount) - 1
        if more > 0 and not count_hit(limit, more):
            limit.breached = True
            refuse_breached([limit], "This costs more than is left. Retry-After says when to try again.")


def refuse_breached(breached: list[RequestLimit], detail: str) -> None:
    request_state().violated_policies = [get_policy(limit) for limit in breached]
    raise TooManyRequests(detail)
