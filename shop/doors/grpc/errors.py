"""Errors as gRPC statuses, with the details of google.rpc."""

import logging
from collections.abc import Iterator
from itertools import islice
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2 as code
from google.rpc.error_details_pb2 import (
    BadRequest,
    ErrorInfo,
    PreconditionFailure,
    RequestInfo,
    ResourceInfo,
    RetryInfo,
)
from google.rpc.status_pb2 import Status
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import TooManyRequests

from shop.doors.grpc.messages import FIELD_NAMES
from shop.hypermedia import rate_limits
from shop.hypermedia.error_lists import shorten
from shop.model.errors import DomainError, PreconditionRequired
from shop.storage.database import translate_error

log = logging.getLogger("shop")

ERROR_DOMAIN = "shop"
MAX_PATH_LENGTH = 100  # characters
MAX_DETAILS = 20  # details are sent in the trailers, whose size is limited
# The gRPC status of each domain error. ErrorInfo has the code of the error itself.
STATUS_CODES = {
    "invalid": code.INVALID_ARGUMENT,
    "unauthenticated": code.UNAUTHENTICATED,
    "forbidden": code.PERMISSION_DENIED,
    "not_found": code.NOT_FOUND,
    "conflict": code.FAILED_PRECONDITION,
    "out_of_stock": code.FAILED_PRECONDITION,
    "reused": code.INVALID_ARGUMENT,
    "stale": code.ABORTED,
    "precondition_required": code.INVALID_ARGUMENT,
    "expired": code.OUT_OF_RANGE,
    "unavailable": code.UNAVAILABLE,
}


class CallError(Exception):
    """An error with the status that the call ends with."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


class DeadlineExceeded(CallError):
    def __init__(self, message: str) -> None:
        super().__init__(Status(code=code.DEADLINE_EXCEEDED, message=message))


class TryAgain(CallError):
    """An error that is over soon: the client may try again in a second."""

    def __init__(self, number: int, message: str, reason: str) -> None:
        super().__init__(build_status(number, message, reason, build_retry_info(1)))


def to_status(error: Exception, resource: str = "", request_id: str = "") -> Status:
    """Return the status of an error; details of internal errors are only in the log."""
    if isinstance(error, CallError):
        return error.status
    if isinstance(error, SQLAlchemyError):
        error = translate_error(error) or error
    if isinstance(error, TooManyRequests):
        message = "Too many calls; RetryInfo says when to come back."
        retry_info = build_retry_info(rate_limits.count_seconds_to_wait())
        return build_status(code.RESOURCE_EXHAUSTED, message, "THROTTLED", retry_info)
    if isinstance(error, DomainError):
        is_taken = error.code == "conflict" and "members" in error.facts
        number = code.ALREADY_EXISTS if is_taken else STATUS_CODES[error.code]
        details, metadata = build_details(error, resource), build_metadata(error)
        return build_status(number, describe_error(error), error.code.upper(), *details, **metadata)
    log.error("failed", exc_info=error)
    message = "Something went wrong here. Quote the request_id when you ask about it."
    return build_status(code.INTERNAL, message, "INTERNAL", RequestInfo(request_id=request_id))


def build_status(number: int, message: str, reason: str, *details: Message, **metadata: str) -> Status:
    status = Status(code=number, message=message)
    for each in (ErrorInfo(reason=reason, domain=ERROR_DOMAIN, metadata=metadata), *details):
        status.details.add().Pack(each)
    return status


def describe_error(error: DomainError) -> str:
    """Return the message of an error, and say if there are more errors than the details list."""
    more = next(islice(flatten_errors(get_field_errors(error)), MAX_DETAILS, None), None)
    return shorten(error.detail) + (f" There are more errors than these {MAX_DETAILS}." if more else "")


def get_field_errors(error: DomainError) -> dict[str, Any]:
    """Return what is wrong with each field of the request."""
    if isinstance(error, PreconditionRequired):
        return {"etag": ["It is missing."]}
    return error.facts.get("errors") or error.facts.get("members") or {}


def build_metadata(error: DomainError) -> dict[str, str]:
    names = {"tag": "etag", "stock": "stock"}
    return {names[name]: str(fact) for name, fact in error.facts.items() if name in names}


def build_details(error: DomainError, resource: str) -> Iterator[Message]:
    facts = error.facts
    if errors := get_field_errors(error):
        violations = islice(flatten_errors(errors), MAX_DETAILS)
        yield BadRequest(field_violations=[build_violation(at, text) for at, text in violations])
    if error.code == "not_found":
        kind, _, name = resource.partition("/")
        yield ResourceInfo(resource_type=kind, resource_name=name, description=error.detail)
    if lines := facts.get("lines"):
        yield PreconditionFailure(violations=[build_shortage(each) for each in lines[:MAX_DETAILS]])
    if seconds := facts.get("retry_after"):
        yield build_retry_info(seconds)


def build_violation(path: str, text: str) -> dict[str, str]:
    return {"field": shorten(path, MAX_PATH_LENGTH), "description": shorten(text, 200)}


def build_shortage(line: dict[str, Any]) -> dict[str, str]:
    left = f"{line['left'] or 0} are left of {line['quantity']}."
    return {"type": "OUT_OF_STOCK", "subject": f"Product/{line['product_id']}", "description": left}


def build_retry_info(seconds: int) -> RetryInfo:
    return RetryInfo(retry_delay=Duration(seconds=seconds))


def flatten_errors(errors: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each message with the path of its field, such as items[0].quantity."""
    if isinstance(errors, dict):
        for name, below in errors.items():
            step = (
                f"[{name}]" if isinstance(name, int) else f".{name}" if path else FIELD_NAMES.get(name, name)
            )
            yield from flatten_errors(below, path if name == "_schema" else path + step)
    else:
        yield from ((path, str(text)) for text in errors)
