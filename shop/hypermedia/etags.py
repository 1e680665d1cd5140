"""Entity tags, and the preconditions that clients send with them."""

import hashlib
import re

from flask import Response, request

from shop.hypermedia.request import UNREAD, request_state
from shop.hypermedia.responses import Answer
from shop.hypermedia.runtime import get_settings
from shop.model.errors import Invalid

VERSION_TAG = re.compile(r'"(\d+-\d+)(?:-[0-9a-f]+)?"')


def parse_entity_tags(text: str) -> set[str]:
    """Return the tags that If-None-Match names, weak ones like strong ones; `*` stands for itself."""
    return {part.strip().removeprefix("W/").strip('"') for part in text.split(",")} - {""}


def parse_tags(text: str) -> set[str]:
    """Return the versions of an entity that a list of tags names."""
    if text.strip() == "*":
        return {"*"}
    return {found[1] for part in text.split(",") if (found := VERSION_TAG.fullmatch(part.strip()))}


def parse_etag(etag: str) -> set[str]:
    """Return the versions that an etag names; it may be quoted, as in HTTP, or bare."""
    return parse_tags(etag if '"' in etag or etag == "*" else f'"{etag}"')


def read_tags() -> set[str] | None:
    """Return the versions that If-Match, or else a member `_etag`, allows; None where neither was sent."""
    sent = request.args.to_dict() if request.method == "DELETE" else {}  # forms of DELETE have no body
    sent |= request_state().hidden_members
    tag = request.headers.get("If-Match", sent.get("_etag", UNREAD))
    if tag is UNREAD:
        return None
    if not isinstance(tag, str):
        raise Invalid("A tag is text.", errors={"_etag": ["Not a valid tag."]})
    return parse_tags(tag)


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
    """Add a tag that covers every byte: state, links and media type; it changes when a link does."""
    digest = hashlib.blake2b(response.get_data(), digest_size=8, key=response.content_type.encode()[:64])
    entity_tag = response.tag if isinstance(response, Answer) else None
    tag = "-".join(filter(None, (entity_tag, digest.hexdigest())))
    response.headers["ETag"] = f'"{tag}"'
    response.headers.setdefault("Cache-Control", choose_cache_control(response))
    if parse_entity_tags(request.headers.get("If-None-Match", "")) & {tag, "*"}:
        response.status_code = 304
        response.set_data(b"")


def choose_cache_control(response: Response) -> str:
    is_public = isinstance(response, Answer) and response.is_public
    if is_public and "Authorization" not in request.headers:
        return f"public, max-age={get_settings().cache_seconds}"
    return "private, no-cache"
