"""Streams of events that take no thread: one thread of a process writes to all of them.

The news of a feed are read once for all streams at the same place. A client that reads slowly gets more when
it has read what was sent. One whose place is needed by another caller is disconnected; it connects again.
"""

import logging
import select
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Thread
from time import monotonic
from typing import Any

from flask import Flask
from sqlalchemy.exc import OperationalError
from waitress.channel import ClientDisconnected

from shop.hypermedia.event_streams import HEARTBEAT, EventStream, Shared
from shop.hypermedia.waiting_places import Place, WaitingPlaces
from shop.model.errors import DomainError, Unavailable
from shop.runtime import get_runtime

HEARTBEAT_SECONDS = 15
WAKE_SECONDS = 1.0  # between two looks whether streams have to end
MAX_SHARE = 0.2  # of the time that writing may take; with many changes, events are sent together
GONE = getattr(select, "POLLRDHUP", 0)  # beside POLLHUP and POLLERR, which are always told

OUTAGES = (Unavailable, OperationalError)

log = logging.getLogger("shop")


@dataclass(eq=False)
class HeldStream:
    """A stream and its connection, which no other thread reads or writes."""

    channel: Any
    task: Any  # writes in the coding of the response that it began
    stream: EventStream
    place: Place

    def is_open(self) -> bool:
        return self.channel.connected and not self.channel.will_close and not self.place.is_recalled

    def is_behind(self) -> bool:
        """Send what is left; return whether the client has yet to read some of it."""
        return self.channel.total_outbufs_len > 0 and self.channel.flush_more() > 0

    def send(self, data: bytes) -> None:
        try:
            self.task.write(data)
        except (ClientDisconnected, OSError):
            self.channel.will_close = True


class StreamKeeper:
    """All held streams of a server; its thread starts with the first one."""

    def __init__(self, app: Flask, count: int) -> None:
        self.app, self.places = app, WaitingPlaces(count)
        self.listener, self.stopping = get_runtime(app).change_listener, get_runtime(app).stopping
        self.held: set[HeldStream] = set()
        self.lock = Lock()
        self.thread: Thread | None = None
        self.heartbeat_at = monotonic() + HEARTBEAT_SECONDS

    def find_place(self, stream: EventStream) -> Place | None:
        return None if self.stopping.is_set() else self.places.find(stream.caller)

    def hold(self, held: HeldStream) -> None:
        if self.stopping.is_set():
            self.end(held)
            return
        with self.lock:
            self.held.add(held)
            if self.thread is None:
                self.thread = Thread(target=self.run, name="shop-streams", daemon=True)
                self.thread.start()

    def run(self) -> None:
        while not self.stopping.is_set():
            position, started_at = self.listener.get_position(), monotonic()
            has_sent = self.serve_round()
            pause = (monotonic() - started_at) * (1 / MAX_SHARE - 1)
            self.stopping.wait(min(pause, WAKE_SECONDS))
            if not has_sent:
                self.listener.wait_for_change(position, WAKE_SECONDS)
        for held in self.list_held():
            self.end(held)

    def serve_round(self) -> bool:
        """Look after all streams once; return whether there was anything new. An outage ends the round."""
        try:
            self.end_closed()
            has_sent = self.send_news()
            if monotonic() >= self.heartbeat_at:
                self.heartbeat_at = monotonic() + HEARTBEAT_SECONDS
                self.send_heartbeats()
        except OUTAGES:
            return False
        except Exception:  # of one stream or the socket loop; the others go on
            log.exception("the streams of events failed")
            return False
        return has_sent

    def list_held(self) -> list[HeldStream]:
        with self.lock:
            return list(self.held)

    def end_closed(self) -> None:
        """End the streams whose clients have left or whose places are needed."""
        poll, of_socket = select.poll(), {}
        for held in self.list_held():
            if not held.is_open():
                self.end(held)
            elif (number := held.channel.fileno()) >= 0:
                of_socket[number] = held
                poll.register(number, GONE)
        for number, _ in poll.poll(0):
            self.end(of_socket[number])

    def send_news(self) -> bool:
        """Send what is new; return whether there was anything."""
        shared: Shared = {}
        has_sent = False
        for held in self.list_held():
            if held.is_behind():
                continue
            events = self.call(held, held.stream.read_news, shared)
            if events is None:
                self.end(held)
            elif events:
                has_sent = True
                held.send(events)
        return has_sent

    def call(self, held: HeldStream, function: Callable[..., object], *args: Any) -> Any:
        """Call a function of a stream; None if the stream has to end. An outage ends the round."""
        with self.app.app_context():
            try:
                return function(*args) or b""
            except OUTAGES:
                raise
            except DomainError as error:  # the login has ended, or the cursor
                if end := held.stream.write_end(error):
                    held.send(end)
            except Exception:
                log.exception("an event stream failed")
        return None

    def send_heartbeats(self) -> None:
        """Send a sign of life, also during an outage; then check the logins."""
        for held in self.list_held():
            if not held.is_behind():
                held.send(HEARTBEAT)
        for held in self.list_held():
            if self.call(held, held.stream.check) is None:
                self.end(held)

    def end(self, held: HeldStream) -> None:
        with self.lock:
            self.held.discard(held)
        self.places.leave(held.place)
        held.channel.end_stream(held.task)
