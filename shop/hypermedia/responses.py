"""Responses that say themselves how they may be cached."""

import re
from typing import Any

import orjson
from flask import Response, request

from shop.hypermedia.request import request_state
from shop.storage.recorded_queries import Recording


class Answer(Response):
    """A response with what the steps after a view have to know of it."""

    is_public = False  # whether it is the same for every caller without credentials
    tag: str | None = None  # of the entity in it
    recording: Recording | None = None  # what it was made of


def build_response(state: dict[str, Any], status: int = 200, **headers: str) -> Answer:
    return Answer(orjson.dumps(state), status, headers, content_type=request_state().media_type)


def build_public_response(body: Any, media_type: str) -> Answer:
    answer = Answer(body if isinstance(body, str) else orjson.dumps(body), content_type=media_type)
    answer.is_public = True
    return answer


def build_empty_response(status: int = 204, **headers: str) -> Answer:
    answer = Answer(status=status, headers=headers)
    del answer.headers["Content-Type"]
    return answer


def parse_preferences() -> list[str]:
    """Return the preferences of the client (RFC 7240)."""
    return re.split(r"[,;]", request.headers.get("Prefer", "").lower().replace(" ", "").replace('"', ""))


def is_minimal_wanted() -> bool:
    """Whether the client would rather not have the new state sent back."""
    return "return=minimal" in parse_preferences()


def build_minimal_response(status: int, location: dict[str, str]) -> Answer:
    applied = {"Preference-Applied": "return=minimal"}
    return build_empty_response(201 if status == 201 else 204, **location, **applied)
