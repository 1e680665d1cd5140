"""Error responses to requests that were not executed, in the format that GraphQL clients read.

Clients of events get what is wrong with an operation as an event. They repeat a request that has another
status than 200, so that is left to errors of HTTP, and to those that time heals.
"""

from flask import Response, request
from graphql import GraphQLError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from shop.doors.graphql.errors import RequestError, serialize_error
from shop.doors.graphql.responses import build_response, build_single_event, choose_response_type
from shop.hypermedia.negotiation import EVENT_STREAM, JSON
from shop.model.errors import DomainError
from shop.storage.database import translate_error

STATUS_OF_CODE = {"unauthenticated": 401, "unavailable": 503}


def choose_error_type() -> str:
    media_type = choose_response_type()
    return JSON if media_type in (None, EVENT_STREAM) else media_type


def is_event_wanted() -> bool:
    return choose_response_type() == EVENT_STREAM


def handle_request_error(error: RequestError) -> Response:
    """Clients that accept only JSON read the body and not the status, so they get 200."""
    if is_event_wanted():
        return build_single_event({"errors": error.errors})
    media_type = choose_error_type()
    return build_response({"errors": error.errors}, 200 if media_type == JSON else error.status, media_type)


def handle_exception(error: Exception, status: int = 500) -> Response:
    body = {"errors": [serialize_error(GraphQLError("", original_error=error))]}
    return build_response(body, status, choose_error_type())


def handle_domain_error(error: DomainError) -> Response:
    if is_event_wanted() and error.code != "unavailable":
        return build_single_event({"errors": [serialize_error(GraphQLError("", original_error=error))]})
    response = handle_exception(error, STATUS_OF_CODE.get(error.code, 400))
    if error.code == "unauthenticated":
        response.headers["WWW-Authenticate"] = 'Bearer realm="shop", error="invalid_token"'
    if seconds := error.facts.get("retry_after"):
        response.headers["Retry-After"] = str(seconds)
    return response


def handle_database_error(error: SQLAlchemyError) -> Response:
    domain_error = translate_error(error)
    return handle_domain_error(domain_error) if domain_error else handle_exception(error)


def handle_http_error(error: HTTPException) -> Response:
    """Return an HTTP error in GraphQL format, with its headers."""
    original = error.get_response(request.environ)
    if original.status_code < 400:
        return original
    response = handle_exception(error, original.status_code)
    for name, value in original.headers:
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


HANDLERS = {
    RequestError: handle_request_error,
    DomainError: handle_domain_error,
    SQLAlchemyError: handle_database_error,
    HTTPException: handle_http_error,
    Exception: handle_exception,
}


def handle_error(error: Exception) -> Response:
    kind = next(each for each in HANDLERS if isinstance(error, each))
    return HANDLERS[kind](error)
