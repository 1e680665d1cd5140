"""Every error in one shape, whichever layer it comes from: problem+json, with the way out."""

import logging
from typing import Any
from urllib.parse import quote

import orjson
from flask import Flask, Response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, TooManyRequests
from werkzeug.http import HTTP_STATUS_CODES

from shop.domain.product import Purchase
from shop.doors.request_context import list_errors, shorten
from shop.doors.rest import forms
from shop.doors.rest.media_types import PROBLEM
from shop.doors.rest.url_scope import build_url
from shop.hypermedia.request import request_state
from shop.model.errors import DomainError
from shop.storage.database import translate_error

log = logging.getLogger("shop")

LONGEST_PATH = 500  # characters of a URL that an error repeats

# The code of a domain error: its status, and the title that all problems of its type share.
PROBLEM_TYPES = {
    "invalid": (400, "The input is not valid"),
    "unauthenticated": (401, "Log in first"),
    "forbidden": (403, "You do not have access"),
    "not_found": (404, "Not found"),
    "conflict": (409, "This cannot be done now"),
    "out_of_stock": (409, "Not enough in stock"),
    "reused": (422, "This key was used for another request"),
    "stale": (412, "Someone else changed this"),
    "precondition_required": (428, "Say which version you change"),
    "expired": (410, "This link has expired"),
    "unavailable": (503, "Try again in a moment"),
}
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
WAYS_OUT = {401: {"login": "/tokens"}, 404: {"home": "/"}, 405: {"home": "/"}, 406: {"home": "/"},
        410: {"changes": "/changes", "products": "/products"}}  # fmt: skip


def build_problem(
    status: int, detail: str, *, kind: str = "about:blank", title: str = "", **members: Any
) -> Response:
    body = {
        "type": kind,
        "title": title or HTTP_STATUS_CODES.get(status, "Error"),
        "status": status,
        "detail": shorten(detail),
        "instance": shorten(quote(request.path[:LONGEST_PATH]), LONGEST_PATH),
        "request_id": request_state().ids["request_id"],
        **members,
    }
    ways = {rel: {"href": build_url(path)} for rel, path in WAYS_OUT.get(status, {}).items()}
    if links := {**ways, **members.get("_links", {})}:
        body["_links"] = links
    if status == 401:
        body["_templates"] = {"login": forms.build_login_form()}
    return Response(orjson.dumps(body), status, content_type=PROBLEM)


def handle_domain_error(error: DomainError) -> Response:
    request_state().error_code = error.code
    status, title = PROBLEM_TYPES[error.code]
    kind = f"{request_state().root}/profile#{error.code}"
    response = build_problem(status, error.detail, kind=kind, title=title, **build_members(error))
    if status == 401:
        bad = ', error="invalid_token"' if error.facts.get("token") else ""
        response.headers["WWW-Authenticate"] = f'Bearer realm="shop"{bad}'
    if seconds := error.facts.get("retry_after"):
        response.headers["Retry-After"] = str(seconds)
    return response


def build_members(error: DomainError) -> dict[str, Any]:
    """The facts of an error that help a client to do better."""
    facts, found = error.facts, {}
    if errors := facts.get("errors") or facts.get("members"):
        found["errors"] = list_errors(errors)
    if "tag" in facts:
        found["_etag"] = f'"{facts["tag"]}"'
        if entity_url := request_state().entity_url:
            found["_links"] = {"self": {"href": entity_url}}
    if "stock" in facts:
        found["stock"] = facts["stock"]
    found |= facts.get("state", {})
    if "lines" in facts:
        found |= build_short_lines(facts["lines"])
    return found


def build_short_lines(short: list[dict[str, Any]]) -> dict[str, Any]:
    """What is short, where to order less, and where one thing was bought, the form for what is left."""
    found = {
        "lines": [build_short_line(each) for each in short],
        "_links": {"create": {"href": build_url("/orders")}},
    }
    (first, *others), buying = short, (request.endpoint or "").endswith(".buy")
    if buying and not others and first["left"]:
        place, left = build_url(f"/products/{first['product_id']}/buy"), first["left"]
        hidden = {"_idempotency_key": forms.build_form_key(place, "less", left)}
        found["_templates"] = {
            "buy": forms.build_form("Buy what is left", "POST", place, Purchase(), quantity=left, **hidden)
        }
    return found


def build_short_line(short: dict[str, Any]) -> dict[str, Any]:
    """A line that asks for too much, with what is left and, if it is still sold, where it is."""
    if short["left"] is None:
        return {**short, "left": 0}
    return {**short, "_links": {"product": {"href": build_url(f"/products/{short['product_id']}")}}}


def handle_rate_limit(error: TooManyRequests) -> Response:
    return build_problem(
        429,
        "Too many requests; Retry-After says when.",
        kind=QUOTA_EXCEEDED,
        title="Too many requests",
        **{"violated-policies": request_state().violated_policies},
    )


def handle_http_error(error: HTTPException) -> Response:
    """An error of HTTP itself, with the headers that belong to it."""
    original = error.get_response(request.environ)
    if original.status_code < 400:
        return original
    detail = (error.description or "").replace("\n", " ")
    response = build_problem(original.status_code, detail)
    for name, value in original.headers:
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def handle_database_error(error: SQLAlchemyError) -> Response:
    request_state().fault = error
    if known := translate_error(error):
        if PROBLEM_TYPES[known.code][0] >= 500:
            log.warning("database: %s", str(getattr(error, "orig", error)).partition("\n")[0])
        return handle_domain_error(known)
    return handle_unexpected_error(error)


def handle_unexpected_error(error: Exception) -> Response:
    """A fault of ours: the log has the story, the client the number to find it by."""
    log.error("failed", exc_info=error)
    return build_problem(500, "Something went wrong here. Quote the request_id when you ask about it.")


def register_error_handlers(app: Flask) -> None:
    app.register_error_handler(DomainError, handle_domain_error)
    app.register_error_handler(TooManyRequests, handle_rate_limit)
    app.register_error_handler(HTTPException, handle_http_error)
    app.register_error_handler(SQLAlchemyError, handle_database_error)
    app.register_error_handler(Exception, handle_unexpected_error)
