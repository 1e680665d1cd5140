"""What went wrong, in the words of this door: a code to rely on, and what helps to do better."""

import logging
from collections.abc import Sequence
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from shop.doors.graphql.words import camel
from shop.doors.web import MOST_ERRORS, list_errors, shorten
from shop.hypermedia.request import request_state
from shop.model.errors import DomainError
from shop.storage.database import translate_error

log = logging.getLogger("shop")

MOST_FAILURES, MOST_LOCATIONS = 50, 5

# The code of a domain error, by the name that Apollo gave it where there is one.
CODES = {
    "invalid": "BAD_USER_INPUT",
    "unauthenticated": "UNAUTHENTICATED",
    "forbidden": "FORBIDDEN",
    "not_found": "NOT_FOUND",
    "conflict": "CONFLICT",
    "out_of_stock": "OUT_OF_STOCK",
    "reused": "REUSED",
    "stale": "STALE",
    "expired": "CURSOR_EXPIRED",
    "unavailable": "UNAVAILABLE",
}
PARSE, VALIDATION, INPUT = "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"
THROTTLED, FAILED = "THROTTLED", "INTERNAL_SERVER_ERROR"
STATUS = {429: THROTTLED, 500: FAILED, 503: "UNAVAILABLE"}


class Refused(Exception):
    """The request was not carried out at all; those who only know JSON are told so with a 200."""

    def __init__(self, code: str, *errors: GraphQLError | str, status: int = 400) -> None:
        super().__init__(code)
        made = [GraphQLError(each) if isinstance(each, str) else each for each in errors]
        self.status, self.errors = status, [told(each, code) for each in made[: MOST_ERRORS + 1]]


def told(error: GraphQLError, code: str = INPUT) -> dict[str, Any]:
    """An error as the answer tells it; what is a fault of ours has its story in the log alone."""
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        code = PARSE if isinstance(error, GraphQLSyntaxError) else code
        return {**format_error(error), "extensions": {"code": code, **(error.extensions or {})}}
    message, extensions = explained(cause)
    return {**format_error(error), "message": shorten(message), "extensions": extensions}


def format_error(error: GraphQLError) -> dict[str, Any]:
    """An error as the specification has it, no longer than helps to find what was wrong."""
    formatted: dict[str, Any] = dict(error.formatted)
    formatted["message"] = shorten(error.message)
    if "locations" in formatted:
        formatted["locations"] = formatted["locations"][:MOST_LOCATIONS]
    return formatted


def list_failures(errors: Sequence[GraphQLError]) -> list[dict[str, Any]]:
    """What went wrong while an operation was carried out: the first of it, and whether there is more."""
    found = [told(each) for each in errors[:MOST_FAILURES]]
    if len(errors) > MOST_FAILURES:
        more = GraphQLError(f"There are more errors than these {MOST_FAILURES}.")
        found.append(told(more, "TOO_MANY_ERRORS"))
    return found


def explained(cause: Exception) -> tuple[str, dict[str, Any]]:
    if isinstance(cause, SQLAlchemyError):
        request_state().fault = cause
        cause = translate_error(cause) or cause
    if isinstance(cause, DomainError):
        request_state().error_code = cause.code
        return cause.detail, {"code": CODES[cause.code], **facts(cause)}
    if isinstance(cause, HTTPException) and (cause.code or 500) < 500:
        return cause.description or "", {"code": STATUS.get(cause.code, "BAD_REQUEST")}
    log.error("failed", exc_info=cause)
    sorry = "Something went wrong here. Quote the requestId when you ask about it."
    return sorry, {"code": FAILED, "requestId": request_state().ids["request_id"]}


def facts(error: DomainError) -> dict[str, Any]:
    """The facts that help to do better, spelled as the schema spells."""
    found = {
        camel(name): fact for name, fact in error.facts.items() if name not in ("token", "tag", "members")
    }
    if errors := error.facts.get("errors") or error.facts.get("members"):
        found["errors"] = list_errors(errors)
    if "tag" in error.facts:
        found["etag"] = error.facts["tag"]
    if "lines" in found:
        found["lines"] = [line(each) for each in found["lines"]]
    return found


def line(short: dict[str, Any]) -> dict[str, Any]:
    return {
        "productId": f"Product:{short['product_id']}",
        "quantity": short["quantity"],
        "left": short["left"] or 0,
    }
