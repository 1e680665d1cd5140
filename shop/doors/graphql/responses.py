"""The media types of GraphQL responses, and responses in one of them."""

from typing import Any

import orjson
from flask import request
from werkzeug.exceptions import NotAcceptable

from shop.hypermedia.negotiation import JSON, choose_media_type
from shop.hypermedia.responses import Answer

GRAPHQL_JSON = "application/graphql-response+json"


def choose_response_type(*more: str) -> str | None:
    """Return the media type that the client prefers: JSON, GraphQL JSON, or one of `more`."""
    return choose_media_type(request.headers.get("Accept", ""), (JSON, GRAPHQL_JSON, *more))


def require_response_type() -> str:
    """Return the media type that the client prefers; 406 if it accepts none."""
    media_type = choose_response_type()
    if not media_type:
        raise NotAcceptable(f"This endpoint answers with {GRAPHQL_JSON} or {JSON}.")
    return media_type


def build_response(body: dict[str, Any], status: int, media_type: str) -> Answer:
    response = Answer(orjson.dumps(body), status, content_type=f"{media_type}; charset=utf-8")
    response.cache_control.no_store = "errors" in body
    return response
