"""Limits of failed logins, for each account and address."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from flask_limiter import RequestLimit

from shop.hypermedia.callers import build_anonymous_context, find_address
from shop.hypermedia.rate_limits import (
    CEILING,
    PREFIX,
    count_hit,
    get_current_limits,
    get_limiter,
    get_policy,
    parse_limits,
    refuse_breached,
)
from shop.model.entity import normalize_text
from shop.model.errors import Unauthenticated
from shop.runtime import get_runtime
from shop.services.tokens import is_known_address

LOGIN, ACCOUNT, LOGIN_ADDRESS = LOGIN_POLICIES = ("login", "account", "login-address")


@contextmanager
def limit_failed_logins(username: str) -> Iterator[None]:
    """Count a login that fails: by account and address together, and by each alone with a ceiling.

    The ceilings stop many addresses that try one account, and one address that tries many accounts. They
    do not hold for an address that the account has logged in from before, so others cannot lock it out.
    """
    limits = build_login_limits(username)
    for limit in limits:
        limit.breached = not count_hit(limit)
    breached = [limit for limit in limits if limit.breached]
    if breached and (get_policy(breached[0]) == LOGIN or not is_known_caller(username)):
        give_back_hits([limit for limit in limits if not limit.breached])
        get_current_limits().extend(breached)
        refuse_breached(breached, "Too many failed logins. Retry-After says when to try again.")
    try:
        yield
    except Unauthenticated:
        raise
    except Exception:
        give_back_hits(limits)
        raise
    give_back_hits(limits)


def build_login_limits(username: str) -> list[RequestLimit]:
    """Return the limits that a login counts against, the narrow one first."""
    account, address = hashlib.sha256(normalize_text(username).encode()).hexdigest(), find_address()
    rate = get_runtime().settings.login_rate_limit
    keys = (
        (LOGIN, f"{account}:{address}", 1),
        (ACCOUNT, account, CEILING),
        (LOGIN_ADDRESS, address, CEILING),
    )
    return [
        RequestLimit(get_limiter(), item, [PREFIX, key, policy], False, True)
        for policy, key, times in keys
        for item in parse_limits(rate, times)
    ]


def is_known_caller(username: str) -> bool:
    return is_known_address(build_anonymous_context(), username, find_address())


def give_back_hits(limits: list[RequestLimit]) -> None:
    for limit in limits:
        count_hit(limit, -1)
