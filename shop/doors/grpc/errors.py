"""What went wrong, as a status that programs can go by, with the details of google.rpc."""

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

from shop.doors import quota
from shop.doors.grpc.words import NAMES
from shop.doors.web import shorten
from shop.model.errors import DomainError, Invalid
from shop.storage.database import translate_error

log = logging.getLogger("shop")

DOMAIN = "shop"
LONGEST_PATH = 100  # characters
MANY = 20  # details travel in the trailers, and those are short
# The code of a domain error: what it is over gRPC. ErrorInfo says the code itself.
CODES = {
    "invalid": code.INVALID_ARGUMENT,
    "unauthenticated": code.UNAUTHENTICATED,
    "forbidden": code.PERMISSION_DENIED,
    "not_found": code.NOT_FOUND,
    "conflict": code.FAILED_PRECONDITION,
    "out_of_stock": code.FAILED_PRECONDITION,
    "reused": code.INVALID_ARGUMENT,
    "stale": code.ABORTED,
    "expired": code.OUT_OF_RANGE,
    "unavailable": code.UNAVAILABLE,
}


class Required(Invalid):
    """This shop wants every change to say which version it changes."""

    reason = "PRECONDITION_REQUIRED"


class Late(DomainError):
    """Nobody waits for the answer any more."""

    code = "late"


class Refusal(Exception):
    """The status that a call ends with."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


def told(error: Exception, resource: str = "", request_id: str = "") -> Status:
    """An error as its status; what is a fault of ours has its story in the log alone."""
    if isinstance(error, Refusal):
        return error.status
    if isinstance(error, SQLAlchemyError):
        error = translate_error(error) or error
    if isinstance(error, TooManyRequests):
        said = "Too many calls; RetryInfo says when to come back."
        return status(code.RESOURCE_EXHAUSTED, said, "THROTTLED", retry(quota.count_seconds_to_wait()))
    if isinstance(error, Late):
        return Status(code=code.DEADLINE_EXCEEDED, message=error.detail)
    if isinstance(error, DomainError):
        taken = error.code == "conflict" and "members" in error.facts
        number = code.ALREADY_EXISTS if taken else CODES[error.code]
        reason = getattr(error, "reason", error.code.upper())
        return status(number, describe(error), reason, *details(error, resource), **metadata(error))
    log.error("failed", exc_info=error)
    sorry = "Something went wrong here. Quote the request_id when you ask about it."
    return status(code.INTERNAL, sorry, "INTERNAL", RequestInfo(request_id=request_id))


def status(number: int, message: str, reason: str, *details: Message, **metadata: str) -> Status:
    made = Status(code=number, message=message)
    for each in (ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata), *details):
        made.details.add().Pack(each)
    return made


def describe(error: DomainError) -> str:
    """What was wrong, and whether there is more of it than the details say."""
    errors = error.facts.get("errors") or error.facts.get("members")
    more = errors and next(islice(pathed(errors), MANY, None), None)
    return shorten(error.detail) + (f" There are more errors than these {MANY}." if more else "")


def metadata(error: DomainError) -> dict[str, str]:
    named = {"tag": "etag", "stock": "stock"}
    return {named[name]: str(fact) for name, fact in error.facts.items() if name in named}


def details(error: DomainError, resource: str) -> Iterator[Message]:
    facts = error.facts
    if errors := facts.get("errors") or facts.get("members"):
        flaws = islice(pathed(errors), MANY)
        yield BadRequest(
            field_violations=[
                {"field": shorten(at, LONGEST_PATH), "description": shorten(text, 200)} for at, text in flaws
            ]
        )
    if error.code == "not_found":
        kind, _, name = resource.partition("/")
        yield ResourceInfo(resource_type=kind, resource_name=name, description=error.detail)
    if lines := facts.get("lines"):
        yield PreconditionFailure(violations=[short(each) for each in lines[:MANY]])
    if seconds := facts.get("retry_after"):
        yield retry(seconds)


def short(line: dict[str, Any]) -> dict[str, str]:
    left = f"{line['left'] or 0} are left of {line['quantity']}."
    return {"type": "OUT_OF_STOCK", "subject": f"Product/{line['product_id']}", "description": left}


def retry(seconds: int) -> RetryInfo:
    return RetryInfo(retry_delay=Duration(seconds=seconds))


def pathed(errors: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each message with the path of the field that it is about, such as items[0].quantity."""
    if isinstance(errors, dict):
        for name, below in errors.items():
            step = f"[{name}]" if isinstance(name, int) else f".{name}" if path else NAMES.get(name, name)
            yield from pathed(below, path if name == "_schema" else path + step)
    else:
        yield from ((path, str(text)) for text in errors)
