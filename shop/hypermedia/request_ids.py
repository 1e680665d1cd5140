"""The ids of a request: its own number, and the trace that it belongs to."""

import re
from secrets import token_hex
from typing import Any

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# W3C Trace Context; what comes after the flags is for later versions, and nothing in version 00.
TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}((?<!^00.{53})-.*)?"
)


def read_request_ids(environ: dict[str, Any], trace_id: str | None = None) -> dict[str, str]:
    """Return the ids that the caller sent, or a new request id; our own tracing knows its trace better."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    ids = {"request_id": given if REQUEST_ID.fullmatch(given) else token_hex(8)}
    if trace_id is None and (found := TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT", ""))):
        trace_id = found[1]
    return {**ids, "trace_id": trace_id} if trace_id else ids
