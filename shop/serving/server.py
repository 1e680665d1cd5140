"""Waitress with deadlines, a connection limit and a graceful shutdown."""

import logging
import resource
import socket
from contextlib import suppress
from threading import Event
from time import monotonic
from typing import Any

from flask import Flask
from waitress import task, wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.server import TcpWSGIServer

from shop.hypermedia.event_streams import HOLD, EventStream
from shop.runtime import get_runtime
from shop.serving.held_streams import HeldStream, StreamKeeper
from shop.serving.http_parser import ErrorTask, RequestTimeout, ServiceUnavailable, StrictParser
from shop.serving.thread_pool import HANDOVER_SECONDS, ThreadPool
from shop.settings import Settings

MAX_CONNECTIONS = 1000  # per process, if it may open four times as many files
MAX_STREAM_SHARE = 75  # percent of the connections that may be streams of events
LAST_CHUNK = b"0\r\n\r\n"
WAITRESS_OPTIONS = {
    "max_request_header_size": 32 * 1024,
    "max_request_body_size": 8 * 1024 * 1024,  # Flask has a lower limit and answers with a problem document
    "ident": None,
    "channel_request_lookahead": 1,  # notices clients that disconnect while they wait
}
# The most seconds that a connection may spend in one activity of one request.
ACTIVITY_DEADLINES = {"idle": 30, "receiving": 15, "sending": 30}
QUEUE_TIMEOUT = 3  # the most seconds that a request waits for a thread
IDLE_GRACE_SECONDS = 1  # during shutdown, seconds that an idle connection stays open for one more request
DRAIN_TIMEOUT = 20  # during shutdown, seconds for the running requests to finish
ACCEPT_BATCH, BACKLOG = 64, 1024  # connections accepted at a time; connections that may wait to be accepted

logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it logs a line for each request that waits


class Task(task.WSGITask):
    def get_environment(self) -> dict[str, Any]:
        environ = super().get_environment()
        environ[HOLD] = self.hold
        return environ

    def hold(self, stream: EventStream) -> bool:
        """Hold the connection for a stream when its beginning is sent; return False if there is no room."""
        if place := self.channel.server.streams.find_place(stream):
            self.channel.hold(HeldStream(self.channel, self, stream, place))
        return place is not None

    def finish(self) -> None:
        if self.channel.held and self.status.startswith("200"):
            self.close_on_finish = False  # the stream closes the connection
        else:
            super().finish()

    def build_response_header(self) -> bytes:
        if self.channel.server.draining.is_set():
            self.set_close_on_finish()
        return super().build_response_header()


class Channel(HTTPChannel):
    parser_class, task_class, error_task_class = StrictParser, Task, ErrorTask
    request_count, state, queued_at = 0, ("idle", 0), 0.0
    held: HeldStream | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.active_since = monotonic()

    def get_activity(self) -> str:
        if self.total_outbufs_len:
            return "sending"
        if self.requests:
            return "working"
        return "receiving" if self.request else "idle"

    def is_overdue(self, now: float) -> bool:
        """Whether the connection has spent too long in the same activity of the same request."""
        if (state := (self.get_activity(), self.request_count)) != self.state:
            self.state, self.active_since = state, now
        return now - self.active_since > ACTIVITY_DEADLINES.get(state[0], float("inf"))

    def end_overdue_activity(self) -> None:
        """Answer an incomplete request with 408, and close the connection in any other state."""
        if self.get_activity() != "receiving":
            self.handle_close()  # not will_close, which waits until the client has read everything
            return
        self.request.error = RequestTimeout("The request took too long to arrive.")
        with self.requests_lock:
            self.requests.append(self.request)
            self.request = None
        self.server.add_task(self)

    def service(self) -> None:
        self.request_count += 1
        if monotonic() - self.queued_at > QUEUE_TIMEOUT:
            self.requests[0].error = self.requests[0].error or ServiceUnavailable(
                "Too many requests are waiting."
            )
        request = self.requests[0]
        super().service()
        if self.held:
            self.begin_stream(request, self.held)

    def hold(self, held: HeldStream) -> None:
        """Make the request of a stream the last one of the connection."""
        with self.requests_lock:
            self.held, self.requests = held, self.requests[:1]

    def received(self, data: bytes) -> bool:
        return self.held is None and super().received(data)

    def begin_stream(self, request: Any, held: HeldStream) -> None:
        """Keep the request as one that is being answered, so that its connection stays open."""
        if not held.task.wrote_header or not held.task.status.startswith("200") or self.close_when_flushed:
            self.held = None
            self.server.streams.places.leave(held.place)
            return
        self.requests.insert(0, request)
        self._map.pop(self._fileno, None)  # the socket loop takes time for each connection it looks at
        self.server.streams.hold(held)

    def fileno(self) -> int:
        return self.socket.fileno() if self.socket else -1

    def flush_more(self) -> int:
        """Send some of what is unsent, and return the number of bytes that are left."""
        with self.outbuf_lock:
            self._flush_exception(self._flush_some, do_close=False)
            return self.total_outbufs_len

    def end_stream(self, task: Task) -> None:
        """End the response and close the connection."""
        with suppress(ClientDisconnected):
            if task.chunked_response and not self.total_outbufs_len:
                self.write_soon(LAST_CHUNK)
        self.handle_close()


class Server(TcpWSGIServer):
    """The server of one process, on a socket that other processes may share."""

    channel_class = Channel
    last_sweep = 0.0

    def __init__(self, app: Flask, settings: Settings, sock: socket.socket) -> None:
        self.draining: Event = get_runtime(app).stopping
        options = {
            "threads": settings.threads,
            "connection_limit": raise_file_limit(),
            **WAITRESS_OPTIONS,
            **build_proxy_options(settings),
        }
        adj = Adjustments(sockets=[sock], backlog=BACKLOG, **options)
        info = (sock.family, sock.type, sock.proto, sock.getsockname())
        self.streams = StreamKeeper(app, adj.connection_limit * MAX_STREAM_SHARE // 100)
        dispatcher = ThreadPool()
        dispatcher.set_thread_count(adj.threads)
        super().__init__(app, _sock=sock, dispatcher=dispatcher, adj=adj, sockinfo=info, bind_socket=False)
        get_runtime(app).task_queue = self.task_dispatcher.queue

    def add_task(self, channel: Channel) -> None:
        channel.queued_at = monotonic()
        super().add_task(channel)

    def readable(self) -> bool:
        return len(self.active_channels) <= self.adj.connection_limit

    def handle_accept(self) -> None:
        for _ in range(ACCEPT_BATCH):
            count = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == count:
                return
            if count >= self.adj.connection_limit:
                self.close_longest_idle()

    def close_longest_idle(self) -> None:
        """Make room for a new connection: close the one that has been idle for the longest time."""
        waiting = [channel for channel in self.active_channels.values() if not channel.requests]
        if waiting:
            min(waiting, key=lambda channel: channel.active_since).handle_close()

    def stop(self, *_: object) -> None:
        self.draining.set()
        self.pull_trigger()

    def run(self) -> None:
        while not self.draining.is_set():
            self.run_loop_once()
        self.finish_requests()

    def run_loop_once(self, timeout: float = 1) -> None:
        waiting = self.task_dispatcher.queue
        wasyncore.loop(HANDOVER_SECONDS if waiting else timeout, use_poll=True, map=self._map, count=1)
        if waiting:
            self.task_dispatcher.wait_for_low_queue()
        if monotonic() - self.last_sweep >= 1:
            self.close_overdue_channels()

    def close_overdue_channels(self) -> None:
        now = self.last_sweep = monotonic()
        for channel in list(self.active_channels.values()):
            if channel.is_overdue(now):
                channel.end_overdue_activity()

    def finish_requests(self) -> None:
        """Accept no more connections and let the open ones finish their requests."""
        for _ in range(BACKLOG // ACCEPT_BATCH):  # includes the connections that are already in the backlog
            self.handle_accept()
        wasyncore.dispatcher.close(self)
        started_at = monotonic()
        while self.active_channels and monotonic() - started_at < DRAIN_TIMEOUT:
            self.run_loop_once(0.1)
            if monotonic() - started_at > IDLE_GRACE_SECONDS:
                for channel in [
                    channel for channel in self.active_channels.values() if channel.get_activity() == "idle"
                ]:
                    channel.handle_close()
        self.task_dispatcher.shutdown(timeout=max(1, started_at + DRAIN_TIMEOUT - monotonic()))


def open_socket(host: str, port: int) -> socket.socket:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(address, family=family, backlog=BACKLOG)


def raise_file_limit() -> int:
    """Raise the limit on open files and return how many connections it leaves room for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (soft, hard) or hard >= 4 * MAX_CONNECTIONS:
        hard = 4 * MAX_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return hard // 4


def build_proxy_options(settings: Settings) -> dict[str, object]:
    """Return the options that trust forwarded headers only from the proxy named in the settings."""
    if not settings.trusted_proxy:
        return {"clear_untrusted_proxy_headers": True}
    return {
        "trusted_proxy": settings.trusted_proxy,
        "trusted_proxy_count": 1,
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"},
        "clear_untrusted_proxy_headers": True,
    }
