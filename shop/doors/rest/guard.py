"""Who asks, by which version and prefix, and what for: read from each request once."""

import re
from dataclasses import replace
from ipaddress import IPv6Network
from typing import Any
from urllib.parse import urlencode

from flask import Flask, current_app, g, request
from flask_sqlalchemy import SQLAlchemy
from werkzeug.exceptions import NotAcceptable, SecurityError

from shop.domain.errors import Unauthenticated
from shop.doors.rest.media import HAL, HAL_FORMS, JSON, named_version, negotiate
from shop.doors.rest.versions import V1, VERSIONS
from shop.services.context import Context
from shop.services.tokens import ACCESS, Signer, actor
from shop.settings import Settings

BESIDE = ("about", "explorer")  # what is not a resource of the shop
PLACE = re.compile(r"/api(?:/(v\d+))?(?:/|$)")


def settings() -> Settings:
    return current_app.extensions["shop"]


def signer() -> Signer:
    return current_app.extensions["signer"]


def locate() -> None:
    """Note the version, and the root and prefix that every link of the answer stays inside."""
    found = g._get_current_object()  # once, because each look through a proxy costs a microsecond
    place = PLACE.match(request.path)
    found.asked = named_version(request.headers.get("Accept", ""))
    found.version = VERSIONS.get((place and place[1]) or found.asked or "", V1)
    found.prefix = "/api" if place and not place[1] else f"/api/{found.version.name}"
    found.root = settings().public_url or host()


def host() -> str:
    try:
        return f"{request.scheme}://{request.host}"
    except SecurityError:
        return ""


def href(path: str, **query: Any) -> str:
    """An absolute URL inside the version and prefix that the client came by."""
    return f"{g.root}{g.prefix}{path}" + (f"?{urlencode(query)}" if query else "")


def agree() -> None:
    """Choose the answer's media type before anything is done, or say that there is none."""
    if request.routing_exception or request.blueprint in BESIDE or request.method == "OPTIONS":
        return
    g.media = negotiate(request.headers.get("Accept", ""), offers())
    if not g.media or g.asked not in (None, g.version.name):
        raise NotAcceptable(f"This place answers with {', '.join(offers())}.")


def offers() -> tuple[str, ...]:
    return HAL_FORMS, HAL, JSON, g.version.media


def bearer() -> str | None:
    """The token, where there is one; whoever comes with another scheme is nobody in particular."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def claims() -> dict[str, Any] | None:
    found = g._get_current_object()
    if "claims" not in found:
        token = bearer()
        found.claims = None if token is None else signer().read(token, ACCESS)
    return found.claims


def anonymous() -> Context:
    db: SQLAlchemy = current_app.extensions["sqlalchemy"]
    return Context(db.session(), currency=settings().currency)


def context() -> Context:
    """The context of this request; the caller is looked up once, and at every request."""
    found = g._get_current_object()
    if "context" not in found:
        held, ctx = claims(), anonymous()
        found.context = replace(ctx, actor=actor(ctx, held)) if held else ctx
    return found.context


def caller() -> str:
    """Whom a rate limit counts: the user of a genuine token, else the address."""
    try:
        held = claims()
    except Unauthenticated:
        held = None
    return f"user:{held['sub']}" if held else address()


def address() -> str:
    """The caller's address; the /64 of IPv6, because one host has all of it."""
    text = request.remote_addr or "unknown"
    if ":" not in text:
        return text
    return str(IPv6Network((text.partition("%")[0], 64), strict=False))


def install(app: Flask) -> None:
    app.before_request(locate)
