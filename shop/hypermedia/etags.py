"""Entity tags, and the preconditions that clients send with them."""

import hashlib
import re

from flask import Response, request

from shop.hypermedia.compression import strip_encoding
from shop.hypermedia.input import read_hidden_members
from shop.hypermedia.negotiation import EVENT_STREAM
from shop.hypermedia.problems import handle_domain_error
from shop.hypermedia.request import UNREAD
from shop.hypermedia.responses import Answer
from shop.hypermedia.runtime import get_settings
from shop.model.errors import Invalid, Stale

# A proxy that compresses makes the tag weak, and a coding adds its name; only the version is compared.
VERSION_TAG = re.compile(r'(?:W/)?"(\d+-\d+)(?:-[0-9a-f]+)?(?:-[a-z]+)?"')


def parse_entity_tags(text: str) -> set[str]:
    """Return the tags of a list, weak ones like strong ones, of every coding; `*` stands for itself."""
    return {strip_encoding(part.strip().removeprefix("W/").strip('"')) for part in text.split(",")} - {""}


def parse_tags(text: str) -> set[str]:
    """Return the versions of an entity that a list of tags names."""
    if text.strip() == "*":
        return {"*"}
    return {found[1] for part in text.split(",") if (found := VERSION_TAG.fullmatch(part.strip()))}


def parse_version(etag: str | None) -> str | None:
    """Return the version that the tag of an entity names."""
    found = VERSION_TAG.fullmatch(etag or "")
    return found[1] if found else None


def parse_etag(etag: str) -> set[str]:
    """Return the versions that an etag names; it may be quoted, as in HTTP, or bare."""
    return parse_tags(etag if '"' in etag or etag == "*" else f'"{etag}"')


def read_tags() -> set[str] | None:
    """Return the versions that If-Match, or else a member `_etag`, allows; None where neither was sent."""
    # Forms of DELETE have no body.
    sent = request.args.to_dict() if request.method == "DELETE" else read_hidden_members()
    tag = request.headers.get("If-Match", sent.get("_etag", UNREAD))
    if tag is UNREAD:
        return None
    if not isinstance(tag, str):
        raise Invalid("A tag is text.", errors={"_etag": ["Not a valid tag."]})
    return parse_tags(tag)


def set_cache_headers(response: Response) -> Response:
    """Set Cache-Control, Vary and the entity tag; files and streams have their own Cache-Control."""
    response.headers["Vary"] = "Accept, Accept-Encoding, Authorization, Prefer"
    if (request.endpoint or "").endswith(".static") or response.mimetype == EVENT_STREAM:
        return response
    if request.method in ("GET", "HEAD") and response.status_code == 200:
        response.set_etag(build_entity_tag(response))
        response.headers.setdefault("Cache-Control", choose_cache_control(response))
        return response
    response.headers["Cache-Control"] = "no-store"
    if shows_entity(response):
        response.set_etag(build_entity_tag(response))
    return response


def shows_entity(response: Response) -> bool:
    """Whether the answer to a move has the new state of an entity, or its address."""
    return response.status_code in (200, 201, 204) and find_version(response) is not None


def find_version(response: Response) -> str | None:
    return response.tag if isinstance(response, Answer) else None


def build_entity_tag(response: Response) -> str:
    """Return a tag that covers every byte: state, links and media type; it changes when a link does.

    It begins with the version of the entity. Without a body, that is all of it.
    """
    version, body = find_version(response), response.get_data()
    if not body and version:
        return version
    digest = hashlib.blake2b(body, digest_size=8, key=response.content_type.encode()[:64]).hexdigest()
    return f"{version}-{digest}" if version else digest


def choose_cache_control(response: Response) -> str:
    is_public = isinstance(response, Answer) and response.is_public
    if is_public and "Authorization" not in request.headers:
        return f"public, max-age={get_settings().cache_seconds}, must-revalidate"
    return "private, no-cache"


def check_preconditions(response: Response) -> Response:
    """Answer a GET with 412 where If-Match names another version, or 304 where the client has this one."""
    if "If-Match" not in request.headers and "If-None-Match" not in request.headers:
        return response
    tag, _ = response.get_etag()
    if request.method not in ("GET", "HEAD") or response.status_code != 200 or not tag:
        return response
    present = {"*", strip_encoding(tag)}
    if not is_matched(response, present):
        return build_stale_answer(response)
    if parse_entity_tags(request.headers.get("If-None-Match", "")) & present:
        response.status_code = 304
        response.set_data(b"")
    return response


def is_matched(response: Response, present: set[str]) -> bool:
    """Whether If-Match names this answer, or the version of the entity in it."""
    wanted = request.headers.get("If-Match")
    if wanted is None:
        return True
    return bool(parse_entity_tags(wanted) & present) or find_version(response) in parse_tags(wanted)


def build_stale_answer(response: Response) -> Response:
    version = find_version(response)
    error = Stale("This is not the version that If-Match names.", **({"tag": version} if version else {}))
    problem = handle_domain_error(error)
    problem.headers["Cache-Control"], problem.headers["Vary"] = "no-store", response.headers["Vary"]
    return problem
