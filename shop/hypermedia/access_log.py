"""One line in the log for each request, and the headers that every answer has."""

import logging
import re
from time import perf_counter

from flask import Response, request

from shop.hypermedia.request import request_state
from shop.hypermedia.request_ids import read_request_ids
from shop.hypermedia.runtime import get_settings

log = logging.getLogger("shop.requests")
METHOD_NAME = re.compile(r"[A-Z]{1,10}")
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def start_request() -> None:
    request_state().started_at = perf_counter()
    request_state().ids = read_request_ids(request.environ, request_state().trace_id)


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
