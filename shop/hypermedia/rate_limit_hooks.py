"""Rate limits over HTTP: each request is counted, and each answer has the numbers."""

import logging
from typing import Any

from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter, RequestLimit
from limits import RateLimitItem, WindowStats
from limits.errors import StorageError

from shop.hypermedia import rate_limits
from shop.hypermedia.callers import find_address, name_caller
from shop.hypermedia.explorer import is_page_wanted
from shop.hypermedia.rate_limit_counters import MemoryCounters
from shop.hypermedia.rate_limits import (
    ADDRESS,
    CEILING,
    DEFAULT,
    PREFIX,
    RequestLimits,
    get_policy,
    parse_limits,
)
from shop.hypermedia.request import request_state
from shop.hypermedia.runtime import get_runtime
from shop.hypermedia.settings import ServiceSettings

log = logging.getLogger("shop")
REDIS_TIMEOUTS = {"socket_connect_timeout": 0.2, "socket_timeout": 0.2}


class RetryingLimiter(Limiter):
    """Asks again if many requests find the store gone at once: Flask-Limiter falls back for the first."""

    def _check_request_limit(self, *args: Any, **kwargs: Any) -> None:
        try:
            super()._check_request_limit(*args, **kwargs)
        except StorageError:
            self.context.seen_limits.clear()
            super()._check_request_limit(*args, **kwargs)


def build_limiter(settings: ServiceSettings) -> Limiter:
    """Build the Flask-Limiter that counts each request; rate_limits.py describes against whom."""
    return RetryingLimiter(
        name_caller,
        application_limits=[
            ApplicationLimit(
                "; ".join(map(str, parse_limits(settings.rate_limit, CEILING))),
                key_function=find_address, scope=ADDRESS,
                exempt_when=lambda: not is_free() and name_caller() == find_address(),
            ),
            ApplicationLimit(settings.rate_limit, scope=DEFAULT, exempt_when=is_free),
        ],
        storage_uri=settings.redis_url or f"{MemoryCounters.STORAGE_SCHEME[0]}://",
        storage_options={**REDIS_TIMEOUTS, "wrap_exceptions": True} if settings.redis_url else {},
        in_memory_fallback_enabled=bool(settings.redis_url),
        # Without the dot: Flask-Limiter never limits an endpoint that is called `static`.
        request_identifier=lambda: (request.endpoint or "unmatched").replace(".", ":"),
        key_prefix=PREFIX,
        on_breach=note_violation,
    )  # fmt: skip


def note_violation(limit: RequestLimit) -> None:
    request_state().violated_policies = [get_policy(limit)]


def prepare_limiter(app: Flask, limits: RequestLimits) -> None:
    """Initialise Flask-Limiter without its own hook; `count_request` calls it where it is needed."""
    get_runtime(app).limits = limits
    limits.guard.init_app(app)
    limits.guard.request_filter(is_health)
    app.before_request_funcs[None].pop()


def count_request() -> None:
    """Count a request, and refuse it where it is above a limit."""
    limits = get_runtime().limits
    if not is_within_limits(limits):
        limits.guard._check_request_limit()


def is_health() -> bool:
    """Whether this is a health check; those are never refused, because a busy server is not a dead one."""
    return request.path.startswith("/health/")


def is_free() -> bool:
    """Whether only the ceiling of the address counts this request: files and the explorer page are cheap."""
    return (request.endpoint or "").endswith("static") or is_page_wanted()


def is_within_limits(common: RequestLimits) -> bool:
    return is_health() or common.within(is_free=is_free())


def build_request_limits(settings: ServiceSettings) -> RequestLimits:
    return RequestLimits(
        build_limiter(settings), parse_limits(settings.rate_limit), parse_limits(settings.rate_limit, CEILING)
    )


def announce_limits(response: Response) -> Response:
    """Add what is left of the limits; of the ceiling only where it was exceeded."""
    try:
        describe_limits(
            response,
            [
                each
                for each in rate_limits.get_current_limits()
                if each.breached or get_policy(each) != ADDRESS
            ],
        )
    except StorageError:
        log.warning("the store of the limits does not answer")
    return response


def describe_limits(response: Response, limits: list[RequestLimit]) -> None:
    if not limits:
        return
    response.headers.update(
        build_limit_headers([(get_policy(each), each.limit, each.window) for each in limits])
    )
    if response.status_code == 429:
        response.headers["Retry-After"] = str(rate_limits.count_seconds_to_wait())


def build_limit_headers(windows: list[tuple[str, RateLimitItem, WindowStats]]) -> dict[str, str]:
    if not windows:
        return {}
    rules = (f'"{policy}";q={limit.amount};w={limit.get_expiry()}' for policy, limit, _ in windows)
    left = (
        f'"{policy}";r={window.remaining};t={rate_limits.count_seconds_left(limit, window)}'
        for policy, limit, window in windows
    )
    return {"RateLimit-Policy": ", ".join(rules), "RateLimit": ", ".join(left)}
