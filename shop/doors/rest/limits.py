"""How much a caller may ask for; the numbers are said in every answer."""

import logging
from typing import Any

from flask import Flask, Response, g, request
from flask_limiter import ApplicationLimit, Limiter, RequestLimit
from limits import RateLimitItem, WindowStats, parse_many
from limits.errors import StorageError
from werkzeug.exceptions import HTTPException

from shop.domain.errors import ShopError
from shop.doors import quota
from shop.doors.quota import ACCOUNT, DEFAULT, LOGIN, PREFIX, Common
from shop.doors.rest.counters import Counters
from shop.doors.rest.guard import address, caller
from shop.doors.rest.input import body
from shop.settings import Settings

log = logging.getLogger("shop")
SPECIAL = ("static", "tokens.login")  # free, and counted thrice
QUICK = {"socket_connect_timeout": 0.2, "socket_timeout": 0.2}


def logging_in() -> bool:
    return (request.endpoint or "").endswith("tokens.login")


def account() -> str:
    """The account that somebody tries to enter, whatever address they come from."""
    try:
        name = str(body().get("username", ""))
    except (HTTPException, ShopError):
        name = ""
    return quota.account(name)


class Steady(Limiter):
    """When many find the store gone at once, only the first is counted in memory; the others ask again."""

    def _check_request_limit(self, *args: Any, **kwargs: Any) -> None:
        try:
            super()._check_request_limit(*args, **kwargs)
        except StorageError:
            self.context.seen_limits.clear()
            super()._check_request_limit(*args, **kwargs)


def limiter(settings: Settings) -> Limiter:
    """Every request counts; a login counts twice more, by address and by account, when it is refused."""
    elsewhere = {"exempt_when": lambda: not logging_in()}
    return Steady(
        caller,
        application_limits=[
            ApplicationLimit(settings.rate_limit, scope=DEFAULT),
            ApplicationLimit(settings.login_rate_limit, key_function=address, scope=LOGIN, **elsewhere),
            ApplicationLimit(settings.login_rate_limit, key_function=account, scope=ACCOUNT, **elsewhere),
        ],
        storage_uri=settings.redis_url or f"{Counters.STORAGE_SCHEME[0]}://",
        storage_options={**QUICK, "wrap_exceptions": True} if settings.redis_url else {},
        in_memory_fallback_enabled=bool(settings.redis_url),
        request_identifier=lambda: request.endpoint or "unmatched",
        key_prefix=PREFIX,
        on_breach=lambda limit: setattr(g, "violated", [name(limit)]),
    )


def install(app: Flask, common: Common) -> None:
    guard, app.extensions["shop-limits"] = common.guard, common
    app.after_request(lambda response: announce(guard, response))
    guard.init_app(app)
    guard.request_filter(lambda: request.path.startswith("/health/"))
    judge = app.before_request_funcs[None].pop()  # Flask-Limiter's own, for what is not decided sooner
    app.before_request(lambda: None if within(common) else judge())


def within(common: Common) -> bool:
    special = request.path.startswith("/health/") or (request.endpoint or "").endswith(SPECIAL)
    return not special and common.within()


def common(settings: Settings) -> Common:
    return Common(limiter(settings), parse_many(settings.rate_limit))


def name(limit: RequestLimit) -> str:
    return limit.request_args[-1]


def announce(guard: Limiter, response: Response) -> Response:
    """Say what is left; give back what this answer did not cost."""
    try:
        limits = quota.counted()
        for limit in limits:
            if free(name(limit), response.status_code):
                guard.limiter.hit(limit.limit, *limit.request_args, cost=-1 - g.get("extra", 0))
        describe(response, limits)
    except StorageError:
        log.warning("the store of the limits does not answer")
    return response


def free(policy: str, status: int) -> bool:
    """An answer from the cache costs nothing, and logging in costs only those who fail."""
    return status == 304 if policy == DEFAULT else status not in (401, 429)


def describe(response: Response, limits: list[RequestLimit]) -> None:
    if not limits:
        return
    response.headers.update(said([(name(each), each.limit, each.window) for each in limits]))
    if response.status_code == 429:
        response.headers["Retry-After"] = str(quota.count_seconds_to_wait())


def said(windows: list[tuple[str, RateLimitItem, WindowStats]]) -> dict[str, str]:
    if not windows:
        return {}
    rules = (f'"{policy}";q={limit.amount};w={limit.get_expiry()}' for policy, limit, _ in windows)
    left = (
        f'"{policy}";r={window.remaining};t={quota.count_seconds_left(limit, window)}'
        for policy, limit, window in windows
    )
    return {"RateLimit-Policy": ", ".join(rules), "RateLimit": ", ".join(left)}
