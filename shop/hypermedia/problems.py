"""Every error in one format (RFC 9457), with links to the way out."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson
from flask import Flask, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, TooManyRequests
from werkzeug.http import HTTP_STATUS_CODES

from shop.hypermedia.error_lists import list_errors, shorten
from shop.hypermedia.negotiation import PROBLEM
from shop.hypermedia.request import request_state
from shop.hypermedia.responses import Answer
from shop.hypermedia.runtime import get_service
from shop.hypermedia.url_scope import build_url
from shop.model.errors import DomainError
from shop.storage.database import translate_error

log = logging.getLogger("shop")

MAX_PATH = 500  # characters of a URL that an error repeats
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"

Members = dict[str, Any]


@dataclass(frozen=True)
class ProblemType:
    """The status and title of all problems of a type, and the members that are its own."""

    status: int
    title: str
    schema: Mapping[str, Members] = field(default_factory=dict)  # of the members that are its own
    build_members: Callable[[DomainError], Members] = lambda error: {}


@dataclass(frozen=True)
class WayOut:
    """What a client may do after a problem: links by their rels, and forms."""

    links: Mapping[str, str] = field(default_factory=dict)
    build_forms: Callable[[], Members] = dict


# By the code of the error. A service adds those of its own errors.
PROBLEM_TYPES = {
    "invalid": ProblemType(400, "The input is not valid"),
    "unauthenticated": ProblemType(401, "Log in first"),
    "forbidden": ProblemType(403, "You do not have access"),
    "not_found": ProblemType(404, "Not found"),
    "conflict": ProblemType(409, "This cannot be done now"),
    "reused": ProblemType(422, "This key was used for another request"),
    "stale": ProblemType(412, "Someone else changed this"),
    "precondition_required": ProblemType(428, "Say which version you change"),
    "expired": ProblemType(410, "This link has expired"),
    "unavailable": ProblemType(503, "Try again in a moment"),
}
TO_HOME = WayOut({"home": ""})
WAYS_OUT = {404: TO_HOME, 405: TO_HOME, 406: TO_HOME}


def build_problem(
    status: int, detail: str, *, kind: str = "about:blank", title: str = "", **members: Any
) -> Answer:
    way_out = {**WAYS_OUT, **get_service().ways_out}.get(status, WayOut())
    links = {rel: {"href": build_url(path)} for rel, path in way_out.links.items()}
    body = {
        "type": kind,
        "title": title or HTTP_STATUS_CODES.get(status, "Error"),
        "status": status,
        "detail": shorten(detail),
        "instance": shorten(quote(request.path[:MAX_PATH]), MAX_PATH),
        "request_id": request_state().ids["request_id"],
        **members,
        "_links": {**links, **members.get("_links", {})},
        "_templates": {**way_out.build_forms(), **members.get("_templates", {})},
    }
    body = {name: value for name, value in body.items() if value or name[0] != "_"}
    return Answer(orjson.dumps(body), status, content_type=PROBLEM)


def handle_domain_error(error: DomainError) -> Answer:
    request_state().error_code = error.code
    problem = get_service().problem_types[error.code]
    members = {**build_members(error), **problem.build_members(error)}
    kind = f"{request_state().root}/profile#{error.code}"
    response = build_problem(problem.status, error.detail, kind=kind, title=problem.title, **members)
    if problem.status == 401:
        bad = ', error="invalid_token"' if error.facts.get("token") else ""
        response.headers["WWW-Authenticate"] = f'Bearer realm="{get_service().slug}"{bad}'
    if seconds := error.facts.get("retry_after"):
        response.headers["Retry-After"] = str(seconds)
    return response


def build_members(error: DomainError) -> Members:
    """Return the facts of an error that help a client to do better."""
    facts = error.facts
    members = {name: fact for name, fact in facts.items() if type(fact) is int and name != "retry_after"}
    members |= facts.get("state", {})
    if errors := facts.get("errors") or facts.get("members"):
        members["errors"] = list_errors(errors)
    if "tag" in facts:
        members["_etag"] = f'"{facts["tag"]}"'
        if entity_url := request_state().entity_url:
            members["_links"] = {"self": {"href": entity_url}}
    return members


def handle_rate_limit(error: TooManyRequests) -> Answer:
    return build_problem(
        429,
        "Too many requests; Retry-After says when.",
        kind=QUOTA_EXCEEDED,
        title="Too many requests",
        **{"violated-policies": request_state().violated_policies},
    )


def handle_http_error(error: HTTPException) -> Answer:
    """Return the problem for an error of HTTP itself, with the headers that belong to it."""
    original = error.get_response(request.environ)
    if original.status_code < 400:
        return original
    detail = (error.description or "").replace("\n", " ")
    response = build_problem(original.status_code, detail)
    for name, value in original.headers:
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def handle_database_error(error: SQLAlchemyError) -> Answer:
    request_state().fault = error
    if known := translate_error(error):
        if get_service().problem_types[known.code].status >= 500:
            log.warning("database: %s", str(getattr(error, "orig", error)).partition("\n")[0])
        return handle_domain_error(known)
    return handle_unexpected_error(error)


def handle_unexpected_error(error: Exception) -> Answer:
    """Log the traceback; the client gets the number to find it by."""
    log.error("failed", exc_info=error)
    return build_problem(500, "Something went wrong here. Quote the request_id when you ask about it.")


def register_error_handlers(app: Flask) -> None:
    app.register_error_handler(DomainError, handle_domain_error)
    app.register_error_handler(TooManyRequests, handle_rate_limit)
    app.register_error_handler(HTTPException, handle_http_error)
    app.register_error_handler(SQLAlchemyError, handle_database_error)
    app.register_error_handler(Exception, handle_unexpected_error)
