"""What every door over HTTP does alike: who asks, with which settings, and how to say what was wrong."""

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv6Network, ip_address
from itertools import islice
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from flask import current_app, request
from flask_sqlalchemy import SQLAlchemy

from shop.hypermedia.request import UNREAD, request_state
from shop.model.errors import Unauthenticated
from shop.runtime import get_runtime
from shop.services.tokens import ACCESS, Signer, identify_actor
from shop.settings import Settings
from shop.storage.transactions import Context

QUOTED_KEY = re.compile(r'"([\x20-\x21\x23-\x5b\x5d-\x7e]{1,255})"')
BARE_KEY = re.compile(r"[A-Za-z0-9._~:+/=@-]{1,255}")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# W3C Trace Context; what comes after the flags is for versions to come, and nothing in version 00.
TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}((?<!^00.{53})-.*)?"
)
# An address as servers write it: bare, with a port, in brackets, with a zone.
REMOTE_ADDRESS = re.compile(
    r"(?:\[([^\]%]+)(?:%[^\]]*)?\](?::\d+)?|([\d.]+)(?::\d+)?|([0-9A-Fa-f:.]+)(?:%.*)?)"
)
MOST_ERRORS, LONGEST_MESSAGE, LONGEST_POINTER = 20, 300, 200  # of an answer that says what was wrong
VERSION_TAG = re.compile(r'"(\d+-\d+)(?:-[0-9a-f]+)?"')


def read_request_ids(environ: dict[str, Any], traced: str | None = None) -> dict[str, str]:
    """The number of a request, and the trace it is in, as our own tracing says, else as the caller does."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    number = {"request_id": given if REQUEST_ID.fullmatch(given) else token_hex(8)}
    if traced is None and (found := TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT", ""))):
        traced = found[1]
    return {**number, "trace_id": traced} if traced else number


def get_settings() -> Settings:
    return get_runtime().settings


def get_signer() -> Signer:
    return get_runtime().signer


def read_bearer_token() -> str | None:
    """Return the bearer token, or None; another scheme counts as no token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def read_claims() -> dict[str, Any] | None:
    found = request_state()
    if found.claims is UNREAD:
        token = read_bearer_token()
        found.claims = None if token is None else get_signer().verify(token, ACCESS)
    return found.claims


def anonymous_context() -> Context:
    db: SQLAlchemy = current_app.extensions["sqlalchemy"]
    known, observe = get_settings(), get_runtime().observe_write_wait
    return Context(db.session(), None, known.currency, known.max_unpaid_orders, observe)


def get_context() -> Context:
    """The context of this request; the caller is looked up once, and at every request."""
    found = request_state()
    if found.context is None:
        held, ctx = read_claims(), anonymous_context()
        found.context = replace(ctx, actor=identify_actor(ctx, held)) if held else ctx
    return found.context


def find_caller() -> str:
    """Whom a rate limit counts: the user of a genuine token, else the address."""
    try:
        held = read_claims()
    except Unauthenticated:
        held = None
    return f"user:{held['sub']}" if held else find_address()


def find_address() -> str:
    return group_address(request.remote_addr)


def group_address(remote: str | None) -> str:
    """Return what counts as one caller: the IPv4 address, or the /64 of IPv6, because one host has all of it.

    Servers on a Unix socket give no address; all that comes by one is counted as "unknown".
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


def parse_entity_tags(text: str) -> set[str]:
    """The tags that If-None-Match names, weak ones like strong ones; `*` stands for itself."""
    return {part.strip().removeprefix("W/").strip('"') for part in text.split(",")} - {""}


def parse_tags(text: str) -> set[str]:
    """The versions that a list of tags names."""
    if text.strip() == "*":
        return {"*"}
    return {found[1] for part in text.split(",") if (found := VERSION_TAG.fullmatch(part.strip()))}


def parse_key(said: str) -> str | None:
    """The key of a request that may come again, quoted or bare."""
    found = QUOTED_KEY.fullmatch(said) or BARE_KEY.fullmatch(said)
    return found and (found[1] if found.re is QUOTED_KEY else said)


def build_fingerprints(*parts: bytes) -> tuple[str, ...]:
    """What makes a request the same as another one, by each of our keys; the newest is the one to store.

    Keyed, because a request may hold a password, and a copy of the database must not help to guess it.
    The last one is how version 0.1.0 stored it, for requests that are repeated across an upgrade.
    """
    said = b"\n".join(parts)
    keyed = (hmac.new(key.encode(), said, hashlib.sha256) for key in get_settings().secret_key)
    return *(each.hexdigest() for each in keyed), hashlib.sha256(said).hexdigest()


def shorten(text: str, most: int = LONGEST_MESSAGE) -> str:
    """The text, cut where it is too long to be sent back."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def list_errors(errors: Any) -> list[dict[str, str]]:
    """The first messages with their JSON pointers, and whether there are more."""
    found = list(islice(iterate_errors(errors), MOST_ERRORS + 1))
    if len(found) > MOST_ERRORS:
        found[MOST_ERRORS:] = [("#", f"There are more errors than these {MOST_ERRORS}.")]
    return [
        {"detail": shorten(text), "pointer": shorten(pointer, LONGEST_POINTER)} for pointer, text in found
    ]


def iterate_errors(errors: Any, pointer: str = "#") -> Iterator[tuple[str, str]]:
    """Each message with the JSON pointer of what it is about."""
    if isinstance(errors, dict):
        for name, below in errors.items():
            step = (
                ""
                if name == "_schema"
                else "/" + quote(shorten(str(name), LONGEST_POINTER).replace("~", "~0").replace("/", "~1"))
            )
            yield from iterate_errors(below, pointer + step)
    else:
        yield from ((pointer, str(text)) for text in errors)
