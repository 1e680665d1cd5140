"""Waitress made fit for traffic: deadlines, a bound on connections, and an end that loses nothing."""

import logging
import resource
import socket
from threading import Event
from time import monotonic
from typing import Any

from flask import Flask
from waitress import task, wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

from shop.runtime import get_runtime
from shop.serving.http_parser import ErrorTask, RequestTimeout, ServiceUnavailable, StrictParser
from shop.serving.thread_pool import HANDOVER_SECONDS, ThreadPool
from shop.settings import Settings

MAX_CONNECTIONS = 1000  # of each process, as long as it may have four times as many files
WAITRESS_OPTIONS = {
    "max_request_header_size": 32 * 1024,
    "max_request_body_size": 8 * 1024 * 1024,  # Flask refuses sooner, and says so in a problem document
    "ident": None,
    "channel_request_lookahead": 1,  # or nobody hears that a client who waits has gone
}
# How many seconds a connection may be about one thing, however busily.
ACTIVITY_DEADLINES = {"idle": 30, "receiving": 15, "sending": 30}
QUEUE_TIMEOUT = 3  # seconds that a request may wait for a thread
IDLE_GRACE_SECONDS = 1  # seconds that a connection has for one more request once the server ends
DRAIN_TIMEOUT = 20  # seconds that the requests under way have then
ACCEPT_BATCH, BACKLOG = 64, 1024  # connections taken at a time, and those that may wait to be taken

logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it has a line for each request that waits


class Task(task.WSGITask):
    def build_response_header(self) -> bytes:
        if self.channel.server.draining.is_set():
            self.set_close_on_finish()
        return super().build_response_header()


class Channel(HTTPChannel):
    parser_class, task_class, error_task_class = StrictParser, Task, ErrorTask
    request_count, state, queued_at = 0, ("idle", 0), 0.0

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
        """Whether it has been about the same thing of the same request for too long."""
        if (state := (self.get_activity(), self.request_count)) != self.state:
            self.state, self.active_since = state, now
        return now - self.active_since > ACTIVITY_DEADLINES.get(state[0], float("inf"))

    def end_overdue_activity(self) -> None:
        """End a connection that took too long: refuse a request that is not all here, and close any other."""
        if self.get_activity() != "receiving":
            self.handle_close()  # not will_close: that waits until the client reads
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
        super().service()


class Server(TcpWSGIServer):
    """One process on a socket that it may share with others."""

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
        """When all places are taken, whoever has kept one the longest without a request goes."""
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
        """Take nobody new; let everybody else finish."""
        for _ in range(BACKLOG // ACCEPT_BATCH):  # and those who knocked before the door was closed
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
    """How many connections there is room for, once we have as many files as we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (soft, hard) or hard >= 4 * MAX_CONNECTIONS:
        hard = 4 * MAX_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return hard // 4


def build_proxy_options(settings: Settings) -> dict[str, object]:
    """Forwarded headers count only when they come from the proxy that the settings name."""
    if not settings.trusted_proxy:
        return {"clear_untrusted_proxy_headers": True}
    return {
        "trusted_proxy": settings.trusted_proxy,
        "trusted_proxy_count": 1,
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"},
        "clear_untrusted_proxy_headers": True,
    }
