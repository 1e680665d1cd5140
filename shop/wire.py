"""HTTP as waitress reads it, but strictly; and what it refuses, refused in the shop's manner."""

import json
import logging
import re
from secrets import token_hex

from waitress import task, utilities
from waitress.parser import HTTPRequestParser, ParsingError

HOST = re.compile(rb"[^\s,@/?#\\]+")
ONCE = {b"host", b"content-length", b"content-type", b"transfer-encoding"}

log = logging.getLogger("shop.requests")


class Busy(utilities.Error):
    code, reason = 503, "Service Unavailable"


class Slow(utilities.Error):
    code, reason = 408, "Request Timeout"


class Parser(HTTPRequestParser):
    """Refuses what two servers in a row might read in two ways."""

    def received(self, data: bytes) -> int:
        consumed = super().received(data)
        if self.error:
            self.expect_continue = False  # or waitress would ask for the body of what it refuses
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError:  # Python reads no number of more than 4,300 digits
            raise ParsingError("Content-Length is invalid") from None
        if flaw := ambiguity(self.version, header_plus.rstrip(b"\r\n").split(b"\r\n")[1:]):
            raise ParsingError(flaw)


def ambiguity(version: str, lines: list[bytes]) -> str | None:
    """What is wrong with a head; most have nothing of what is looked for but a Host."""
    once: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        if line[:1] in (b" ", b"\t"):
            return "A header goes on in a second line."
        if (name := name.lower()) in ONCE:
            if name in once:
                return "A header that may come once came twice."
            once[name] = value.strip()
    if version not in ("1.0", "1.1"):
        return "This version of HTTP is not spoken here."
    if version == "1.1" and b"host" not in once:
        return "There is no Host header."
    if b"host" in once and not HOST.fullmatch(once[b"host"]):
        return "This is not the name of a host."
    if (coding := once.get(b"transfer-encoding")) is None:
        return None
    if version == "1.0" or b"content-length" in once or coding.lower() != b"chunked":
        return "Transfer-Encoding stands alone, and is chunked."
    return None


class ErrorTask(task.ErrorTask):
    """What never reaches the shop is refused in its manner, with a line in its log."""

    def execute(self) -> None:
        error, number = self.request.error, token_hex(8)
        problem = {"type": "about:blank", "title": error.reason, "status": error.code, "detail": error.body}
        body = json.dumps({**problem, "request_id": number}).encode()
        self.status, self.content_length = f"{error.code} {error.reason}", len(body)
        self.response_headers += [("Content-Type", "application/problem+json"), ("X-Request-ID", number)]
        self.response_headers += [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
        if error.code == Busy.code:
            self.response_headers.append(("Retry-After", "2"))
        self.set_close_on_finish()
        facts = {"request_id": number, "method": "?", "route": "unmatched", "status": error.code, "ms": 0.0,
                 "bytes": len(body), "user": None, "remote": self.channel.addr[0]}  # fmt: skip
        log.info("request", extra={"request": facts})
        self.write(body)
