"""The media types of this door, and an answer in one of them."""

from typing import Any

import orjson
from flask import Response, request
from werkzeug.exceptions import NotAcceptable

JSON, GRAPHQL, HTML = "application/json", "application/graphql-response+json", "text/html"


def media() -> str:
    """What the client named, and JSON for all who do not care."""
    found = request.accept_mimetypes.best_match([JSON, GRAPHQL]) if request.accept_mimetypes else JSON
    if not found:
        raise NotAcceptable(f"This place answers with {GRAPHQL} or {JSON}.")
    return found


def said(body: dict[str, Any], status: int, kind: str) -> Response:
    response = Response(orjson.dumps(body), status, content_type=f"{kind}; charset=utf-8")
    response.cache_control.no_store = "errors" in body
    return response
