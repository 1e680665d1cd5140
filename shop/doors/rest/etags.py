"""Tags of what was answered, and the preconditions that clients make of them."""

import hashlib

from flask import Response, request

from shop.doors.request_context import get_settings, parse_entity_tags, parse_tags
from shop.hypermedia.request import request_state
from shop.model.errors import Invalid, PreconditionRequired


def read_precondition() -> set[str] | None:
    """The versions that If-Match, or else a member `_etag`, allows; None where neither was sent."""
    asked = request.args.to_dict() if request.method == "DELETE" else {}  # where forms of DELETE say it
    said = (
        asked
        | request_state().hidden_members
        | ({"_etag": request.headers["If-Match"]} if "If-Match" in request.headers else {})
    )
    if "_etag" not in said:
        if get_settings().require_if_match:
            raise PreconditionRequired(
                "Say which version you change: send its _etag back, in If-Match or as a member."
            )
        return None
    if not isinstance(said["_etag"], str):
        raise Invalid("A tag is text.", errors={"_etag": ["Not a valid tag."]})
    return parse_tags(said["_etag"])


def set_cache_headers(response: Response) -> Response:
    response.headers["Vary"] = "Accept, Authorization, Prefer"
    if (request.endpoint or "").endswith(".static"):
        return response  # a file has said for itself how long it is good
    if request.method in ("GET", "HEAD") and response.status_code == 200:
        set_entity_tag(response)
    else:
        response.headers["Cache-Control"] = "no-store"
    return response


def set_entity_tag(response: Response) -> None:
    """The tag covers every byte: state, links and media type; so it changes when an offer does."""
    digest = hashlib.blake2b(response.get_data(), digest_size=8, key=response.content_type.encode()[:64])
    tag = "-".join(filter(None, (request_state().tag, digest.hexdigest())))
    response.headers["ETag"] = f'"{tag}"'
    response.headers.setdefault("Cache-Control", choose_cache_control())
    if parse_entity_tags(request.headers.get("If-None-Match", "")) & {tag, "*"}:
        response.status_code = 304
        response.set_data(b"")


def choose_cache_control() -> str:
    if request_state().is_public and "Authorization" not in request.headers:
        return f"public, max-age={get_settings().cache_seconds}"
    return "private, no-cache"
