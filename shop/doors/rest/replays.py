"""Idempotency-Key: a request may be sent again, and is done once."""

from functools import wraps
from typing import Any

import orjson
from flask import Response, request
from werkzeug.exceptions import BadRequest

from shop.doors.rest.blueprint import View
from shop.doors.rest.input import body
from shop.doors.rest.problems import refused
from shop.doors.web import context, fingerprints, plain_key
from shop.hypermedia.request import request_state
from shop.storage.idempotency import StoredAnswer, execute_once


def key() -> str | None:
    """The key of this request, as a header (quoted or bare) or as a member."""
    said = request_state().hidden_members.get("_idempotency_key", absent := object())
    if "Idempotency-Key" in request.headers:
        said = ",".join(request.headers.getlist("Idempotency-Key"))
    if said is absent:
        return None
    if isinstance(said, str) and (found := plain_key(said)):
        return found
    raise BadRequest("An Idempotency-Key is one string of 1 to 255 plain characters.")


def request_fingerprints() -> tuple[str, ...]:
    """Of the method, the place and the body."""
    words = {name: value for name, value in body().items() if name != "_idempotency_key"}
    said = orjson.dumps(words, option=orjson.OPT_SORT_KEYS, default=str)
    return fingerprints(request.method.encode(), request.path.encode(), said)


def retriable(view: View) -> View:
    """Under a key, the view runs once, and whoever asks again gets the answer it gave."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Response:
        named = key()
        if named is None:
            return view(*args, **kwargs)
        return again(
            execute_once(context(), named, request_fingerprints(), lambda: kept(view(*args, **kwargs)), told)
        )

    return wrapper


def told(error: Any) -> StoredAnswer:
    return kept(refused(error))


def kept(response: Response) -> StoredAnswer:
    place = response.headers.get("Location") or response.headers.get("Content-Location")
    return StoredAnswer(response.status_code, response.get_data(), response.content_type or "", place)


def again(answer: StoredAnswer) -> Response:
    response = Response(answer.body, answer.status, content_type=answer.media)
    if not answer.media:  # there is no body, because the client asked for none
        del response.headers["Content-Type"]
        response.headers["Preference-Applied"] = "return=minimal"
    if answer.location:
        response.headers["Location" if answer.status == 201 else "Content-Location"] = answer.location
    if answer.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response
