"""The ids of a request, its line in the log, and the headers that every answer has."""

import logging
import re
from secrets import token_hex
from time import perf_counter
from typing import Any

from flask import Response, request

from shop.hypermedia.request import request_state
from shop.hypermedia.runtime import get_settings

log = logging.getLogger("shop.requests")
METHOD_NAME = re.compile(r"[A-Z]{1,10}")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# W3C Trace Context; what comes after the flags is for later versions, and nothing in version 00.
TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}((?<!^00.{53})-.*)?"
)
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def start_request() -> None:
    request_state().started_at = perf_counter()
    request_state().ids = read_request_ids(request.environ, request_state().trace_id)


def read_request_ids(environ: dict[str, Any], trace_id: str | None = None) -> dict[str, str]:
    """Return the ids that the caller sent, or a new request id; our own tracing knows its trace better."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    ids = {"request_id": given if REQUEST_ID.fullmatch(given) else token_hex(8)}
    if trace_id is None and (found := TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT", ""))):
        trace_id = found[1]
    return {**ids, "trace_id": trace_id} if trace_id else ids


def finish_response(response: Response) -> Response:
    present = {name for name, _ in response.headers}
    response.headers.extend((name, value) for name, value in SECURITY_HEADERS.items() if name not in present)
    if get_settings().public_url.startswith("https:"):
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    response.headers["X-Request-ID"] = request_state().ids["request_id"]
    facts, asked = request_state(), request._get_current_object()
    write_access_line(
        facts.ids,
        asked.method if METHOD_NAME.fullmatch(asked.method) else "?",
        asked.url_rule.rule if asked.url_rule else "unmatched",
        response.status_code,
        perf_counter() - facts.started_at,
        response.content_length or 0,
        facts.caller_id,
        asked.remote_addr,
    )
    return response


def write_access_line(
    ids: dict[str, str],
    method: str,
    route: str,
    status: int,
    seconds: float,
    size: int,
    user: int | None,
    remote: str | None,
) -> None:
    """Log a request, without any text that the client chose freely."""
    facts = {**ids, "method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
    log.info("request", extra={"request": {**facts, "bytes": size, "user": user, "remote": remote}})
