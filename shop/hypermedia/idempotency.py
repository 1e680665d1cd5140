"""Idempotency-Key: a request may be sent again, and is done once."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
from flask import request
from werkzeug.exceptions import BadRequest

from shop.hypermedia.callers import get_context
from shop.hypermedia.fingerprints import build_fingerprints, parse_key
from shop.hypermedia.input import read_body
from shop.hypermedia.problems import handle_domain_error
from shop.hypermedia.request import request_state
from shop.hypermedia.responses import Answer
from shop.storage.idempotency import StoredAnswer, execute_once


def read_idempotency_key() -> str | None:
    """The key of this request, as a header (quoted or bare) or as a member."""
    said = request_state().hidden_members.get("_idempotency_key", absent := object())
    if "Idempotency-Key" in request.headers:
        said = ",".join(request.headers.getlist("Idempotency-Key"))
    if said is absent:
        return None
    if isinstance(said, str) and (found := parse_key(said)):
        return found
    raise BadRequest("An Idempotency-Key is one string of 1 to 255 plain characters.")


def fingerprint_request() -> tuple[str, ...]:
    """Of the method, the place and the body."""
    words = {name: value for name, value in read_body().items() if name != "_idempotency_key"}
    said = orjson.dumps(words, option=orjson.OPT_SORT_KEYS, default=str)
    return build_fingerprints(request.method.encode(), request.path.encode(), said)


def make_idempotent(view: Callable[..., Any]) -> Callable[..., Any]:
    """Run the view once for a key, and give the stored answer when the request is repeated."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Answer:
        named = read_idempotency_key()
        if named is None:
            return view(*args, **kwargs)
        return restore_response(
            execute_once(
                get_context(),
                named,
                fingerprint_request(),
                lambda: store_response(view(*args, **kwargs)),
                store_refusal,
            )
        )

    return wrapper


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
    if answer.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response
