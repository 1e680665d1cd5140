"""Idempotency-Key: a repeated request gets the answer of the first time."""

from typing import Any

import orjson
from flask import request
from werkzeug.exceptions import BadRequest

from shop.hypermedia.etags import parse_version
from shop.hypermedia.fingerprints import build_fingerprints, parse_key
from shop.hypermedia.input import read_body, read_hidden_members
from shop.hypermedia.problems import handle_domain_error
from shop.hypermedia.responses import Answer
from shop.storage.idempotency import Idempotency, StoredAnswer


def read_idempotency_key() -> str | None:
    """Return the key of this request: of the header (quoted or bare), or else of a member."""
    members = read_hidden_members()
    sent = (
        [",".join(request.headers.getlist("Idempotency-Key"))] if "Idempotency-Key" in request.headers else []
    )
    sent += [members["_idempotency_key"]] if "_idempotency_key" in members else []
    keys = [parse_key(key) if isinstance(key, str) else None for key in sent]
    if None in keys:
        raise BadRequest("An Idempotency-Key is one string of 1 to 255 plain characters.")
    return keys[0] if keys else None


def fingerprint_request() -> tuple[str, ...]:
    """Return the fingerprints of the method, the URL and the body."""
    members = {name: value for name, value in read_body().items() if name != "_idempotency_key"}
    body = orjson.dumps(members, option=orjson.OPT_SORT_KEYS, default=str)
    return build_fingerprints(request.method.encode(), request.path.encode(), body)


def store_refusal(error: Any) -> StoredAnswer:
    return store_response(handle_domain_error(error))


def store_response(response: Answer) -> StoredAnswer:
    place = response.headers.get("Location") or response.headers.get("Content-Location")
    return StoredAnswer(response.status_code, response.get_data(), response.content_type or "", place)


def restore_response(answer: StoredAnswer) -> Answer:
    response = Answer(answer.body, answer.status, content_type=answer.media)
    if not answer.media:  # there is no body, because the client asked for none
        del response.headers["Content-Type"]
        response.headers["Preference-Applied"] = "return=minimal"
    if answer.location:
        response.headers["Location" if answer.status == 201 else "Content-Location"] = answer.location
    if answer.media and answer.status in (200, 201):
        response.tag = parse_version(orjson.loads(answer.body).get("_etag"))
    if answer.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


IDEMPOTENCY = Idempotency(
    read_key=read_idempotency_key,
    compute_fingerprints=fingerprint_request,
    store=store_response,
    store_refusal=store_refusal,
    restore=restore_response,
)
