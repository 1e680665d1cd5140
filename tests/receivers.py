"""Receivers of webhooks: real servers on the loopback interface."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True)
class Message:
    """What a receiver got."""

    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> str:
        return json.loads(self.body)["type"]

    def verify(self, secret: str) -> dict[str, Any]:
        """Return the body; the library raises an error if the signature is not valid."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver(ThreadingHTTPServer):
    """Keeps all messages, and answers each one as it is told."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Message], tuple[int, dict[str, str]]], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.answer, self.messages = answer, list[Message]()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/events"

    @property
    def events(self) -> list[str]:
        return [message.event for message in self.messages]

    def wait_for(self, count: int, seconds: float = 10) -> list[Message]:
        """Return the messages as soon as there are so many, or after some seconds."""
        deadline = time.monotonic() + seconds
        while len(self.messages) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.messages

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        message = Message(headers, body, time.monotonic())
        self.server.messages.append(message)
        status, more = self.server.answer(message)
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def receiving(
    status: int = 204,
    headers: dict[str, str] | None = None,
    answer: Callable[[Message], tuple[int, dict[str, str]]] | None = None,
    port: int = 0,
) -> Iterator[Receiver]:
    receiver = Receiver(answer or (lambda _: (status, headers or {})), port)
    try:
        yield receiver
    finally:
        receiver.stop()
