"""One POST of a message: to the checked address alone, without redirects and proxies, with one deadline.

The library http.client reads the answer; the sockets below it are ours, because a deadline for the whole
attempt must hold while a receiver sends one byte a second.
"""

import io
import re
import socket
import ssl
from collections.abc import Mapping
from functools import cache
from http.client import HTTPConnection, HTTPException
from time import monotonic
from typing import Any

from shop.webhooks.addresses import AddressError, Target, parse_target, resolve_target
from shop.webhooks.retries import Outcome

ATTEMPT_SECONDS = 15.0
MAX_ANSWER = 64 * 1024  # bytes of status and headers; the body is never read
DELAY_PATTERN = re.compile(r"\d{1,9}", re.ASCII)


class Deadline:
    """One limit for all steps of an attempt."""

    def __init__(self, seconds: float) -> None:
        self.started_at, self.seconds = monotonic(), seconds

    @property
    def passed(self) -> float:
        return monotonic() - self.started_at

    def apply_to(self, sock: socket.socket) -> None:
        """Have the next operation of a socket end at the deadline."""
        sock.settimeout(self.compute_rest())

    def compute_rest(self) -> float:
        if (rest := self.seconds - self.passed) <= 0:
            raise TimeoutError
        return rest


class AnswerReader(io.RawIOBase):
    """Reads an answer until the deadline, and no more of it than the limit."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self.sock, self.deadline, self.room = sock, deadline, MAX_ANSWER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.deadline.apply_to(self.sock)
        count = self.sock.recv_into(buffer)
        self.room -= count
        if self.room < 0:
            raise HTTPException("the answer is too long")
        return count


class DeadlineSocket:
    """The part of a socket that http.client needs."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self.sock, self.deadline = sock, deadline

    def sendall(self, data: bytes) -> None:
        self.deadline.apply_to(self.sock)
        self.sock.sendall(data)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(AnswerReader(self.sock, self.deadline), 1024)

    def close(self) -> None:
        self.sock.close()


class TargetConnection(HTTPConnection):
    """A connection to an address of a target that was checked; the name is not looked up again."""

    def __init__(self, target: Target, addresses: list[str], deadline: Deadline) -> None:
        super().__init__(target.host, target.port)
        self.target, self.addresses, self.deadline = target, addresses, deadline

    def connect(self) -> None:
        sock = self.connect_to_any()
        try:
            if self.target.is_encrypted:
                self.deadline.apply_to(sock)
                sock = get_tls_context().wrap_socket(sock, server_hostname=self.target.host)
        except BaseException:
            sock.close()
            raise
        self.sock = DeadlineSocket(sock, self.deadline)

    def connect_to_any(self) -> socket.socket:
        """Try the addresses in turn; each gets its share of the time, so that a dead one blocks no other."""
        for place, address in enumerate(self.addresses):
            share = self.deadline.compute_rest() / (len(self.addresses) - place)
            try:
                return socket.create_connection((address, self.target.port), share)
            except OSError as error:
                last_error = error
        raise last_error


@cache
def get_tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    seconds: float = ATTEMPT_SECONDS,
    allow_private: bool = False,
) -> Outcome:
    """Send a message and return what became of it; it never raises an error of the network."""
    deadline = Deadline(seconds)
    try:
        target = parse_target(url, allow_private=allow_private)
        addresses = resolve_target(target, deadline.compute_rest(), allow_private=allow_private)
        status, retry_after = exchange(TargetConnection(target, addresses, deadline), headers, body)
    except (AddressError, OSError, HTTPException, ValueError) as error:
        return Outcome(None, describe_error(error), deadline.passed)
    return Outcome(status, "", deadline.passed, retry_after)


def exchange(connection: TargetConnection, headers: Mapping[str, str], body: bytes) -> tuple[int, int | None]:
    """Return the status of the answer, and for how many seconds it asks to wait."""
    names = {**headers, "Host": connection.target.authority, "Connection": "close"}
    try:
        connection.request("POST", connection.target.path, body, names)
        answer = connection.getresponse()
        delay = answer.getheader("Retry-After", "")
        return answer.status, int(delay) if DELAY_PATTERN.fullmatch(delay) else None
    finally:
        connection.close()


def describe_error(error: Exception) -> str:
    """Return an error in words that say nothing of the network that the shop runs in."""
    if isinstance(error, AddressError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "It did not answer in time."
    if isinstance(error, ssl.SSLError):
        return "Its certificate is not valid, or it does not speak TLS."
    if isinstance(error, OSError):
        return "The connection failed."
    return "It did not answer with HTTP."
