"""GraphQL errors: a code that programs can rely on, and the facts that help to correct the request."""

import logging
from collections.abc import Sequence
from typing import Any

from graphql import ExecutionResult, GraphQLError, GraphQLSyntaxError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from shop.doors.graphql.conversions import to_camel_case
from shop.hypermedia.error_lists import MAX_ERRORS, list_errors, shorten
from shop.hypermedia.request import request_state
from shop.model.errors import DomainError
from shop.storage.database import translate_error

log = logging.getLogger("shop")

MAX_EXECUTION_ERRORS, MAX_LOCATIONS = 50, 5

# Codes that have another name here, as Apollo has it; all others are the code of the error in capitals.
RENAMED_CODES = {"invalid": "BAD_USER_INPUT", "expired": "CURSOR_EXPIRED"}
PARSE_FAILED, VALIDATION_FAILED = "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"
BAD_INPUT = "BAD_USER_INPUT"
THROTTLED, INTERNAL_ERROR = "THROTTLED", "INTERNAL_SERVER_ERROR"
CODE_OF_STATUS = {429: THROTTLED, 500: INTERNAL_ERROR, 503: "UNAVAILABLE"}


class RequestError(Exception):
    """A request that was not executed. For clients that accept only JSON the status is 200."""

    def __init__(self, code: str, *errors: GraphQLError | str, status: int = 400) -> None:
        super().__init__(code)
        graphql_errors = [GraphQLError(each) if isinstance(each, str) else each for each in errors]
        self.status = status
        self.errors = [serialize_error(each, code) for each in graphql_errors[: MAX_ERRORS + 1]]


def serialize_error(error: GraphQLError, code: str = BAD_INPUT) -> dict[str, Any]:
    """Return the error as the answer shows it; details of internal errors are only in the log."""
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        code = PARSE_FAILED if isinstance(error, GraphQLSyntaxError) else code
        return {**truncate_error(error), "extensions": {"code": code, **(error.extensions or {})}}
    message, extensions = describe_cause(cause)
    return {**truncate_error(error), "message": shorten(message), "extensions": extensions}


def truncate_error(error: GraphQLError) -> dict[str, Any]:
    """Return the error in the format of the specification, with a short message and few locations."""
    formatted: dict[str, Any] = dict(error.formatted)
    formatted["message"] = shorten(error.message)
    if "locations" in formatted:
        formatted["locations"] = formatted["locations"][:MAX_LOCATIONS]
    return formatted


def serialize_execution_errors(errors: Sequence[GraphQLError]) -> list[dict[str, Any]]:
    """Return the first errors of an execution, and one more that says if there are others."""
    failures = [serialize_error(each) for each in errors[:MAX_EXECUTION_ERRORS]]
    if len(errors) > MAX_EXECUTION_ERRORS:
        more = GraphQLError(f"There are more errors than these {MAX_EXECUTION_ERRORS}.")
        failures.append(serialize_error(more, "TOO_MANY_ERRORS"))
    return failures


def build_result(result: ExecutionResult) -> dict[str, Any]:
    """Return the result of an execution as an answer or an event shows it."""
    errors = serialize_execution_errors(result.errors) if result.errors else None
    return {"data": result.data, **({"errors": errors} if errors else {})}


def describe_cause(cause: Exception) -> tuple[str, dict[str, Any]]:
    if isinstance(cause, SQLAlchemyError):
        request_state().fault = cause
        cause = translate_error(cause) or cause
    if isinstance(cause, DomainError):
        request_state().error_code = cause.code
        return cause.detail, {"code": get_graphql_code(cause.code), **build_extensions(cause)}
    if isinstance(cause, HTTPException) and (cause.code or 500) < 500:
        return cause.description or "", {"code": CODE_OF_STATUS.get(cause.code, "BAD_REQUEST")}
    log.error("failed", exc_info=cause)
    message = "Something went wrong here. Quote the requestId when you ask about it."
    return message, {"code": INTERNAL_ERROR, "requestId": request_state().ids["request_id"]}


def get_graphql_code(code: str) -> str:
    return RENAMED_CODES.get(code, code.upper())


def build_extensions(error: DomainError) -> dict[str, Any]:
    """Return the facts that go into the extensions, with the names that the schema uses."""
    shown = {name: fact for name, fact in error.facts.items() if name not in ("token", "tag", "members")}
    extensions = {to_camel_case(name): fact for name, fact in shown.items()}
    if errors := error.facts.get("errors") or error.facts.get("members"):
        extensions["errors"] = list_errors(errors)
    if "tag" in error.facts:
        extensions["etag"] = error.facts["tag"]
    if "lines" in extensions:
        extensions["lines"] = [serialize_short_line(each) for each in extensions["lines"]]
    return extensions


def serialize_short_line(line: dict[str, Any]) -> dict[str, Any]:
    product_id = f"Product:{line['product_id']}"
    return {"productId": product_id, "quantity": line["quantity"], "left": line["left"] or 0}
