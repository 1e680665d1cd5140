"""What an operation costs beyond the one request, and how often one may try to log in."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from time import time

from flask import current_app, g
from flask_limiter import Limiter, RequestLimit
from limits import RateLimitItem, WindowStats, parse_many
from limits.errors import StorageError
from werkzeug.exceptions import TooManyRequests

from shop.domain.base import fold
from shop.domain.errors import Unauthenticated
from shop.doors.web import address, caller, settings

DEFAULT, LOGIN, ACCOUNT = "default", "login", "account"
PREFIX = "shop"

log = logging.getLogger("shop")


def keeper() -> Limiter:
    (found,) = current_app.extensions["limiter"]
    return found


@dataclass(frozen=True)
class Common:
    """The limits that every request has, and the short way to them.

    Flask-Limiter looks anew at every request which of its many kinds of limits there are for it. It judges
    those who are over the limit, and everything while its store does not answer.
    """

    guard: Limiter
    limits: list[RateLimitItem]

    def within(self) -> bool:
        who = caller()
        if not self.hit(who):
            return False
        words = [PREFIX, who, DEFAULT]
        g.counted = [RequestLimit(self.guard, limit, words, False, False) for limit in self.limits]
        return True

    def hit(self, who: str, cost: int = 1) -> bool:
        if self.guard.limiter.storage is not self.guard.storage:
            return False
        try:
            return all(self.guard.limiter.hit(each, PREFIX, who, DEFAULT, cost=cost) for each in self.limits)
        except StorageError:
            return False

    def windows(self, who: str) -> list[tuple[str, RateLimitItem, WindowStats]]:
        stats = self.guard.limiter.get_window_stats
        try:
            return [(DEFAULT, each, stats(each, PREFIX, who, DEFAULT)) for each in self.limits]
        except StorageError:
            log.warning("the store of the limits does not answer")
            return []


def count() -> None:
    """Count a request that does not come through the hooks of the app."""
    common: Common = current_app.extensions["shop-limits"]
    if not common.within():
        common.guard._check_request_limit()


def account(name: str) -> str:
    """The account that somebody tries to enter, whatever address they come from."""
    return hashlib.sha256(fold(name).encode()).hexdigest()


def hit(limit: RequestLimit, cost: int = 1) -> bool:
    try:
        return keeper().limiter.hit(limit.limit, *limit.request_args, cost=cost)
    except StorageError:
        log.warning("the store of the limits does not answer")
        return True


def counted() -> list[RequestLimit]:
    """The limits that this request was counted by, the short way or the long one."""
    return g.get("counted") or keeper().current_limits


def count_seconds_left(limit: RateLimitItem, window: WindowStats) -> int:
    """Return the seconds until a window ends, rounded up so that waiting them is enough.

    They are never more than the window is long: a store may have kept its end by a clock that was set since.
    """
    return min(limit.get_expiry(), max(1, ceil(window.reset_time - time())))


def count_seconds_to_wait() -> int:
    """Return the seconds until the limits that this request broke begin anew."""
    return max(
        (count_seconds_left(each.limit, each.window) for each in counted() if each.breached), default=1
    )


def spend(cost: int) -> None:
    """Count what an operation costs; one request of it is counted already, and more than all cannot be."""
    for limit in counted():
        g.extra = min(cost, limit.limit.amount) - 1
        if g.extra > 0 and not hit(limit, g.extra):
            limit.breached, g.violated = True, [DEFAULT]
            raise TooManyRequests("This costs more than is left; Retry-After says when to come back.")


@contextmanager
def attempt(username: str) -> Iterator[None]:
    """A login counts by address and by account, and counts for nothing when it was not refused."""
    keys = {LOGIN: address(), ACCOUNT: account(username)}
    limits = [
        RequestLimit(keeper(), each, [PREFIX, key, scope], False, True)
        for each in parse_many(settings().login_rate_limit)
        for scope, key in keys.items()
    ]
    for limit in limits:
        limit.breached = not hit(limit)
    if breached := [limit for limit in limits if limit.breached]:
        counted().extend(breached)
        g.violated = [limit.request_args[-1] for limit in breached]
        raise TooManyRequests("Too many failed logins; Retry-After says when to come back.")
    try:
        yield
    except Unauthenticated:
        raise
    except Exception:
        back(limits)
        raise
    back(limits)


def back(limits: list[RequestLimit]) -> None:
    for limit in limits:
        hit(limit, -1)
