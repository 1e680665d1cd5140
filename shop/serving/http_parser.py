"""Stricter HTTP parsing for waitress, with errors as problem documents."""

import json
import logging
import re
from secrets import token_hex
from typing import Any

from waitress import task, utilities
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import ChunkedReceiver
from waitress.rfc7230 import CHUNK_EXT_RE

HOST_HEADER_PATTERN = re.compile(rb"[^\s,@/?#\\]+")
CHUNK_SIZE_PATTERN = re.compile(rb"[0-9A-Fa-f]{1,16}")
MAX_CHUNK_LINE_BYTES, MAX_TRAILER_BYTES = 1024, 8192  # of the lines between chunks and after the last chunk
SINGLE_HEADERS = {b"host", b"content-length", b"content-type", b"transfer-encoding"}

log = logging.getLogger("shop.requests")


class ServiceUnavailable(utilities.Error):
    code, reason = 503, "Service Unavailable"


class RequestTimeout(utilities.Error):
    code, reason = 408, "Request Timeout"


class StrictParser(HTTPRequestParser):
    """Rejects requests that a proxy and this server could read differently."""

    def received(self, data: bytes) -> int:
        consumed = super().received(data)
        if self.error:
            self.expect_continue = False  # otherwise waitress asks for the body of a rejected request
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError:  # Python parses no integer of more than 4,300 digits
            raise ParsingError("Content-Length is invalid") from None
        if problem := find_ambiguity(self.version, header_plus.rstrip(b"\r\n").split(b"\r\n")[1:]):
            raise ParsingError(problem)
        if self.chunked:
            self.body_rcv = ChunkReader(self.body_rcv.buf, self.adj.max_request_body_size)


class ChunkReader(ChunkedReceiver):
    """Reads a chunked body and rejects a malformed one at the first wrong byte.

    The receiver of waitress accepts chunk sizes and lines of any length and waits for their end.
    """

    expected_part, line, trailer_size = "size", b"", 0

    def __init__(self, buf: Any, max_size: int) -> None:
        super().__init__(buf)
        self.max_size = max_size

    def received(self, data: bytes) -> int:
        """Read the bytes of the body and return their count; all bytes if the body is malformed."""
        rest = data
        while rest and not self.completed and not self.error:
            rest = self.read_content(rest) if self.chunk_remainder else self.read_line(rest)
        return len(data) if self.error else len(data) - len(rest)

    def read_content(self, data: bytes) -> bytes:
        content = data[: self.chunk_remainder]
        self.buf.append(content)
        self.chunk_remainder -= len(content)
        return data[len(content) :]

    def read_line(self, data: bytes) -> bytes:
        line, end, rest = (self.line + data).partition(b"\r\n")
        if len(line) > MAX_CHUNK_LINE_BYTES:
            self.error = utilities.BadRequest("A line between the chunks is too long.")
            return rest
        if not end:
            self.line = line
            return b""
        self.line = b""
        {"size": self.read_size, "end": self.read_end, "trailer": self.read_trailer}[self.expected_part](line)
        return rest

    def read_size(self, line: bytes) -> None:
        size, semicolon, extension = line.partition(b";")
        extension_is_valid = not semicolon or CHUNK_EXT_RE.match(semicolon + extension)
        if not CHUNK_SIZE_PATTERN.fullmatch(size) or not extension_is_valid or b"\n" in line:
            self.error = utilities.BadRequest("The size of a chunk is not valid.")
            return
        self.chunk_remainder = int(size, 16)
        self.expected_part = "end" if self.chunk_remainder else "trailer"
        if len(self) + self.chunk_remainder >= self.max_size:
            self.error = utilities.RequestEntityTooLarge("The chunks are too large.")

    def read_end(self, line: bytes) -> None:
        self.expected_part = "size"
        if line:
            self.error = utilities.BadRequest("A chunk is longer than its size.")

    def read_trailer(self, line: bytes) -> None:
        self.trailer_size += len(line) + 2
        self.completed = not line
        if self.trailer_size > MAX_TRAILER_BYTES:
            self.error = utilities.BadRequest("There are too many trailers.")


def find_ambiguity(version: str, lines: list[bytes]) -> str | None:
    """Return what makes the head of a request ambiguous, or None."""
    values: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        if line[:1] in (b" ", b"\t"):
            return "A header is folded over two lines."
        if (name := name.lower()) in SINGLE_HEADERS:
            if name in values:
                return "A header that may appear once appears twice."
            values[name] = value.strip()
    if version not in ("1.0", "1.1"):
        return "This version of HTTP is not supported."
    if version == "1.1" and b"host" not in values:
        return "There is no Host header."
    if b"host" in values and not HOST_HEADER_PATTERN.fullmatch(values[b"host"]):
        return "The Host header is not a valid host name."
    if (encoding := values.get(b"transfer-encoding")) is None:
        return None
    if version == "1.0" or b"content-length" in values or encoding.lower() != b"chunked":
        return "Transfer-Encoding must be chunked, without a Content-Length."
    return None


class ErrorTask(task.ErrorTask):
    """Answers a request that never reaches the app with a problem document and an access log line."""

    def execute(self) -> None:
        error, request_id = self.request.error, token_hex(8)
        problem = {"type": "about:blank", "title": error.reason, "status": error.code, "detail": error.body}
        body = json.dumps({**problem, "request_id": request_id}).encode()
        self.status, self.content_length = f"{error.code} {error.reason}", len(body)
        self.response_headers += [("Content-Type", "application/problem+json"), ("X-Request-ID", request_id)]
        self.response_headers += [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
        if error.code == ServiceUnavailable.code:
            self.response_headers.append(("Retry-After", "2"))
        self.set_close_on_finish()
        log_fields = {
            "request_id": request_id, "method": "?", "route": "unmatched", "status": error.code, "ms": 0.0,
            "bytes": len(body), "user": None, "remote": self.channel.addr[0],
        }  # fmt: skip
        log.info("request", extra={"request": log_fields})
        self.write(body)
