"""The media types of this door, and an answer in one of them."""

from typing import Any

import orjson
from flask import Response, request
from werkzeug.exceptions import NotAcceptable

from shop.doors.media import JSON, choose_media_type

GRAPHQL = "application/graphql-response+json"


def choose(*more: str) -> str | None:
    """The media type that the client wants most, of this door's own and any more that it has here."""
    return choose_media_type(request.headers.get("Accept", ""), (JSON, GRAPHQL, *more))


def media() -> str:
    """What the client named, and JSON for all who do not care."""
    found = choose()
    if not found:
        raise NotAcceptable(f"This place answers with {GRAPHQL} or {JSON}.")
    return found


def said(body: dict[str, Any], status: int, kind: str) -> Response:
    response = Response(orjson.dumps(body), status, content_type=f"{kind}; charset=utf-8")
    response.cache_control.no_store = "errors" in body
    return response
