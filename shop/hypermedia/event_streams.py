"""Server-sent events: answers that go on while their clients listen.

A server that can hold a connection without a thread offers `shop.hold` in the environ of a request
(shop/serving/held_streams.py). Elsewhere an answer has what is new and ends; clients ask again by themselves.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import orjson
from flask import Response, request

from shop.hypermedia.callers import name_caller
from shop.hypermedia.negotiation import EVENT_STREAM
from shop.hypermedia.request import request_state
from shop.hypermedia.versions import Version
from shop.model.errors import DomainError, Invalid, Unavailable
from shop.storage.transactions import Context

HOLD = "shop.hold"  # in the environ: a function that takes a stream, or returns False where there is no room
RETRY_MILLISECONDS = 3000  # after which a client connects again
HEARTBEAT = b":\n\n"

Shared = dict[Hashable, Any]  # what the streams that are read together have read


@dataclass(frozen=True)
class News:
    """The events after a cursor, and the cursor to go on from."""

    events: bytes
    cursor: int


@dataclass(eq=False)
class EventStream:
    """A position in a feed. Streams with the same key and cursor get the same events."""

    key: Hashable
    cursor: int
    read: Callable[[int, Shared], News]  # in an app context; a DomainError ends the stream
    check: Callable[[], object] = lambda: None  # now and then; a DomainError ends the stream
    write_end: Callable[[DomainError], bytes] = lambda error: b""  # what the client gets before such an end
    caller: str = ""

    def read_news(self, shared: Shared) -> bytes:
        """Return the next events, and go on from them."""
        key = (self.key, self.cursor)
        if key not in shared:
            shared[key] = self.read(self.cursor, shared)
        news: News = shared[key]
        self.cursor = news.cursor
        return news.events


def read_once(
    shared: Shared, read: Callable[[Context, int], Sequence[Any]], ctx: Context, cursor: int
) -> Sequence[Any]:
    """Return the rows of a feed after a cursor; streams that are read together read them once."""
    if (read, cursor) not in shared:
        shared[read, cursor] = read(ctx, cursor)
    return shared[read, cursor]


@dataclass(frozen=True)
class UrlScope:
    """What links and prices of a stream are written with, after its request has ended."""

    root: str
    prefix: str
    version: Version

    @classmethod
    def of_request(cls) -> "UrlScope":
        state = request_state()
        return cls(state.root, state.prefix, state.version)

    def restore(self) -> None:
        state = request_state()
        state.root, state.prefix, state.version = self.root, self.prefix, self.version


def write_events(items: list[dict[str, Any]], kind: str) -> bytes:
    """Write each item as an event of the kind that this member names; its number is the cursor."""
    return b"".join(
        b"event: %s\nid: %d\ndata: %s\n\n" % (item[kind].encode(), item["seq"], orjson.dumps(item))
        for item in items
    )


def read_last_event_id() -> int | None:
    """Return the cursor that a client has reached, or None for a new client."""
    text = request.headers.get("Last-Event-ID", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Invalid("Last-Event-ID must be the id of an event.", errors={"Last-Event-ID": ["No such id."]})
    return int(text)


def offer_stream(open_stream: Callable[..., EventStream]) -> Callable[[Any], Any]:
    """Let a view answer with a stream where the client asks for one."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def choose(*args: Any, **kwargs: Any) -> Any:
            if request_state().media_type == EVENT_STREAM:
                return begin_stream(open_stream(*args, **kwargs))
            return view(*args, **kwargs)

        choose.is_streamed = True
        return choose

    return decorate


def begin_stream(stream: EventStream) -> Response:
    """Answer with what is new already, and hold the connection for what will come."""
    stream.caller = name_caller()
    beginning = b"retry: %d\nid: %d\n\n" % (RETRY_MILLISECONDS, stream.cursor) + stream.read_news({})
    hold = request.environ.get(HOLD)
    if hold and request.method != "HEAD" and not hold(stream):
        raise Unavailable("Too many clients are listening.", retry_after=5)
    return build_event_response(beginning)


def build_event_response(beginning: bytes) -> Response:
    """Return an answer of events that no cache stores; more may follow them."""
    answer = Response(iter([beginning]), content_type=f"{EVENT_STREAM}; charset=utf-8")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"  # nginx passes each event on at once
    return answer
