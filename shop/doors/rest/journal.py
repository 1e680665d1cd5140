"""One line in the log for each request, and the headers that every answer has."""

import logging
import re
from secrets import token_hex
from time import perf_counter

from flask import Flask, Response, g, request

from shop.doors.rest.guard import settings

log = logging.getLogger("shop.requests")
METHOD = re.compile(r"[A-Z]{1,10}")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# W3C Trace Context; what comes after the flags is for versions to come, and nothing in version 00.
TRACE = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}((?<!^00.{53})-.*)?"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def begin() -> None:
    g.began = perf_counter()
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else token_hex(8)
    g.ids = {"request_id": g.request_id, **trace()}


def trace() -> dict[str, str]:
    """The trace that this request is a part of, as our own tracing says, else as the caller does."""
    if found := g.pop("traced", None):
        return {"trace_id": found}
    found = TRACE.fullmatch(request.headers.get("traceparent", ""))
    return {"trace_id": found[1]} if found else {}


def end(response: Response) -> Response:
    present = {name for name, _ in response.headers}
    response.headers.extend((name, value) for name, value in HEADERS.items() if name not in present)
    if settings().public_url.startswith("https:"):
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    response.headers["X-Request-ID"] = g.request_id
    log.info("request", extra={"request": facts(response)})
    return response


def facts(response: Response) -> dict[str, object]:
    """What is worth knowing of a request, without a word that the client chose freely."""
    facts, asked = g._get_current_object(), request._get_current_object()
    held = facts.get("claims") or {}
    return {
        **facts.ids,
        "method": asked.method if METHOD.fullmatch(asked.method) else "?",
        "route": asked.url_rule.rule if asked.url_rule else "unmatched",
        "status": response.status_code,
        "ms": round((perf_counter() - facts.began) * 1000, 1),
        "bytes": response.content_length or 0,
        "user": int(held["sub"]) if held else None,
        "remote": asked.remote_addr,
    }


def install(app: Flask) -> None:
    app.before_request(begin)
    app.after_request(end)
