"""The media types of this door, and an answer in one of them."""

from typing import Any

import orjson
from flask import Response, request
from werkzeug.exceptions import NotAcceptable

from shop.doors.media import JSON, choose_media_type

GRAPHQL_JSON = "application/graphql-response+json"


def choose_response_type(*more: str) -> str | None:
    """The media type that the client wants most, of this door's own and any more that it has here."""
    return choose_media_type(request.headers.get("Accept", ""), (JSON, GRAPHQL_JSON, *more))


def require_response_type() -> str:
    """What the client named, and JSON for all who do not care."""
    media_type = choose_response_type()
    if not media_type:
        raise NotAcceptable(f"This place answers with {GRAPHQL_JSON} or {JSON}.")
    return media_type


def build_response(body: dict[str, Any], status: int, media_type: str) -> Response:
    response = Response(orjson.dumps(body), status, content_type=f"{media_type}; charset=utf-8")
    response.cache_control.no_store = "errors" in body
    return response
