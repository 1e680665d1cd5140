"""Who asks: the caller that the credentials name, and the context of their request.

A service passes a function `identify` that reads a bearer token. Reading it must be cheap, because each
request is counted against its caller before anything else is done; the database is asked later, once.
"""

import hashlib
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Network, ip_address

from flask import current_app, request
from flask_sqlalchemy import SQLAlchemy

from shop.hypermedia.request import UNREAD, request_state
from shop.hypermedia.runtime import get_runtime, get_service
from shop.model.errors import Unauthenticated
from shop.storage.transactions import Actor, Context

# An address as servers write it: bare, with a port, in brackets, with a zone.
REMOTE_ADDRESS = re.compile(
    r"(?:\[([^\]%]+)(?:%[^\]]*)?\](?::\d+)?|([\d.]+)(?::\d+)?|([0-9A-Fa-f:.]+)(?:%.*)?)"
)


@dataclass(frozen=True)
class Caller:
    """The account that genuine credentials name; `find_actor` raises Unauthenticated if they have ended."""

    id: int
    find_actor: Callable[[Context], Actor]
    key: Hashable  # of all that `find_actor` depends on beside the rows that it reads


Identify = Callable[[str], Caller]


def refuse_all(token: str) -> Caller:
    """Identify callers of a service that has no accounts."""
    raise Unauthenticated("This token is not valid.", token="invalid")  # noqa: S106


def bearer_keys(actors: Mapping[str, Actor]) -> Identify:
    """Identify callers by keys that do not change. Hashes are compared, so the time tells nothing."""
    known = {hash_key(key): actor for key, actor in actors.items()}

    def identify(token: str) -> Caller:
        actor = known.get(hash_key(token)) or refuse_all(token)
        return Caller(actor.id, lambda ctx: actor, hash_key(token))

    return identify


def hash_key(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def parse_bearer_token(authorization: str) -> str | None:
    """Return the bearer token, or None; another scheme counts as no token."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def read_caller() -> Caller | None:
    """Return the caller of this request, None without credentials; raise Unauthenticated for wrong ones."""
    state = request_state()
    if state.caller is UNREAD:
        token = parse_bearer_token(request.headers.get("Authorization", ""))
        state.caller = None if token is None else get_service().identify(token)
    return state.caller


def build_anonymous_context(*, keeps_connection: bool = False) -> Context:
    database: SQLAlchemy = current_app.extensions["sqlalchemy"]
    runtime = get_runtime()
    return runtime.service.build_context(
        database.session(),
        observe_write_wait=runtime.observe_write_wait,
        keeps_connection=keeps_connection,
    )


def get_context() -> Context:
    """Return the context of this request; the caller is looked up once, and at every request."""
    state = request_state()
    if state.context is None:
        caller, ctx = read_caller(), build_anonymous_context(keeps_connection=True)
        if caller:
            identify_caller(ctx, caller)
        state.context = ctx
    return state.context


def identify_caller(ctx: Context, caller: Caller) -> None:
    """Find the actor of a caller, and remember which queries that took."""
    try:
        actor = caller.find_actor(ctx)
    except Exception:
        ctx.close_reads()
        raise
    request_state().caller_recording = ctx.recording
    ctx.name_actor(actor)


def identify_again(caller: Caller, ctx: Context | None = None) -> Context:
    """Return a context of the caller, after the request has ended; raise Unauthenticated if the login has."""
    ctx = ctx or build_anonymous_context()
    ctx.name_actor(caller.find_actor(ctx))
    return ctx


def close_reads(_: BaseException | None = None) -> None:
    """Give back the connection that the request read with."""
    if context := request_state().context:
        context.close_reads()


def name_caller() -> str:
    """Return whom a rate limit counts: the account of genuine credentials, else the address."""
    try:
        caller = read_caller()
    except Unauthenticated:
        caller = None
    return name_account(caller) if caller else find_address()


def name_account(caller: Caller) -> str:
    return f"user:{caller.id}"


def find_address() -> str:
    return group_address(request.remote_addr)


def group_address(remote: str | None) -> str:
    """Return what counts as one caller: the IPv4 address, or the /64 of IPv6, because one host has all of it.

    Servers on a Unix socket give no address; all requests that come by one are counted as "unknown".
    """
    return parse_network(remote) if remote and len(remote) <= 80 else "unknown"


@lru_cache(4096)
def parse_network(remote: str) -> str:
    found = REMOTE_ADDRESS.fullmatch(remote)
    try:
        address = ip_address(found[1] or found[2] or found[3]) if found else None
    except ValueError:
        address = None
    if address is None:
        return "unknown"
    if address.version == 6 and address.ipv4_mapped is None:
        return str(IPv6Network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)
