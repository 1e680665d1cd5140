"""Requests that were not carried out, answered in the shape that GraphQL clients read."""

from flask import Blueprint, Response, request
from graphql import GraphQLError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, TooManyRequests

from shop.doors.graphql.errors import Refused, told
from shop.doors.graphql.media import choose, said
from shop.doors.media import JSON
from shop.model.errors import DomainError
from shop.storage.database import translate_error

STATUS = {"unauthenticated": 401, "unavailable": 503}


def kind() -> str:
    return choose() or JSON


def refused(error: Refused) -> Response:
    """Those who only know JSON look into the body, and not at the status."""
    return said({"errors": error.errors}, 200 if kind() == JSON else error.status, kind())


def failed(error: Exception, status: int = 500) -> Response:
    return said({"errors": [told(GraphQLError("", original_error=error))]}, status, kind())


def declined(error: DomainError) -> Response:
    response = failed(error, STATUS.get(error.code, 400))
    if error.code == "unauthenticated":
        response.headers["WWW-Authenticate"] = 'Bearer realm="shop", error="invalid_token"'
    if seconds := error.facts.get("retry_after"):
        response.headers["Retry-After"] = str(seconds)
    return response


def broken(error: SQLAlchemyError) -> Response:
    return declined(known) if (known := translate_error(error)) else failed(error)


def spoken(error: HTTPException) -> Response:
    """An error of HTTP itself, with the headers that belong to it."""
    original = error.get_response(request.environ)
    if original.status_code < 400:
        return original
    response = failed(error, original.status_code)
    for name, value in original.headers:
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def install(door: Blueprint) -> None:
    door.register_error_handler(Refused, refused)
    door.register_error_handler(DomainError, declined)
    door.register_error_handler(SQLAlchemyError, broken)
    door.register_error_handler(HTTPException, spoken)
    door.register_error_handler(TooManyRequests, spoken)  # for which the front door has a word of its own
    door.register_error_handler(Exception, failed)
