"""The media types of GraphQL responses, and responses in one of them.

Events are those of GraphQL over server-sent events, with a connection for each operation:
https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
"""

from typing import Any

import orjson
from flask import Response, request
from werkzeug.exceptions import NotAcceptable

from shop.hypermedia.event_streams import build_event_response
from shop.hypermedia.negotiation import EVENT_STREAM, JSON, choose_media_type, parse_media_ranges
from shop.hypermedia.responses import Answer

GRAPHQL_JSON = "application/graphql-response+json"


COMPLETE_EVENT = b"event: complete\ndata:\n\n"


def choose_response_type(*more: str) -> str | None:
    """Return the media type that the client prefers: JSON, GraphQL JSON, events, or one of `more`."""
    offers = (JSON, GRAPHQL_JSON, EVENT_STREAM, *more)
    return choose_media_type(request.headers.get("Accept", ""), offers, (EVENT_STREAM,))


def can_read_events() -> bool:
    """Whether the client accepts events; only those that name them do."""
    return parse_media_ranges(request.headers.get("Accept", "")).get(EVENT_STREAM, 0) > 0


def require_response_type() -> str:
    """Return the media type that the client prefers; 406 if it accepts none."""
    media_type = choose_response_type()
    if not media_type:
        raise NotAcceptable(f"This endpoint answers with {GRAPHQL_JSON}, {JSON} or {EVENT_STREAM}.")
    return media_type


def write_next_event(body: dict[str, Any], cursor: int | None = None) -> bytes:
    id_line = b"" if cursor is None else b"id: %d\n" % cursor
    return b"event: next\n%sdata: %s\n\n" % (id_line, orjson.dumps(body))


def build_single_event(body: dict[str, Any]) -> Response:
    """Return a stream of one result, which is complete."""
    return build_event_response(write_next_event(body) + COMPLETE_EVENT)


def build_response(body: dict[str, Any], status: int, media_type: str) -> Answer:
    response = Answer(orjson.dumps(body), status, content_type=f"{media_type}; charset=utf-8")
    response.cache_control.no_store = "errors" in body
    return response
