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

from shop.serving.http_parser import Busy, ErrorTask, Parser, Slow
from shop.serving.thread_pool import MOMENT, Dispatcher
from shop.settings import Settings

CONNECTIONS = 1000  # of each process, as long as it may have four times as many files
LIMITS = {
    "max_request_header_size": 32 * 1024,
    "max_request_body_size": 8 * 1024 * 1024,  # Flask refuses sooner, and says so in a problem document
    "ident": None,
    "channel_request_lookahead": 1,  # or nobody hears that a client who waits has gone
}
# How many seconds a connection may be about one thing, however busily.
DEADLINES = {"idle": 30, "receiving": 15, "sending": 30}
PATIENCE = 3  # seconds that a request may wait for a thread
GRACE = 1  # seconds that a connection has for one more request once the server ends
DRAIN = 20  # seconds that the requests under way have then
BATCH, BACKLOG = 64, 1024  # connections taken at a time, and those that may wait to be taken

logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it has a line for each request that waits


class Task(task.WSGITask):
    def build_response_header(self) -> bytes:
        if self.channel.server.draining.is_set():
            self.set_close_on_finish()
        return super().build_response_header()


class Channel(HTTPChannel):
    parser_class, task_class, error_task_class = Parser, Task, ErrorTask
    turn, state, queued = 0, ("idle", 0), 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.since = monotonic()

    def doing(self) -> str:
        if self.total_outbufs_len:
            return "sending"
        if self.requests:
            return "working"
        return "receiving" if self.request else "idle"

    def overdue(self, now: float) -> bool:
        """Whether it has been about the same thing of the same request for too long."""
        if (state := (self.doing(), self.turn)) != self.state:
            self.state, self.since = state, now
        return now - self.since > DEADLINES.get(state[0], float("inf"))

    def give_up(self) -> None:
        """End a connection that took too long: refuse a request that is not all here, and close any other."""
        if self.doing() != "receiving":
            self.handle_close()  # not will_close: that waits until the client reads
            return
        self.request.error = Slow("The request took too long to arrive.")
        with self.requests_lock:
            self.requests.append(self.request)
            self.request = None
        self.server.add_task(self)

    def service(self) -> None:
        self.turn += 1
        if monotonic() - self.queued > PATIENCE:
            self.requests[0].error = self.requests[0].error or Busy("Too many requests are waiting.")
        super().service()


class Server(TcpWSGIServer):
    """One process on a socket that it may share with others."""

    channel_class = Channel
    swept = 0.0

    def __init__(self, app: Flask, settings: Settings, sock: socket.socket) -> None:
        self.draining: Event = app.extensions["shop-draining"]
        chosen = {"threads": settings.threads, "connection_limit": places(), **LIMITS, **proxy(settings)}
        adj = Adjustments(sockets=[sock], backlog=BACKLOG, **chosen)
        info = (sock.family, sock.type, sock.proto, sock.getsockname())
        dispatcher = Dispatcher()
        dispatcher.set_thread_count(adj.threads)
        super().__init__(app, _sock=sock, dispatcher=dispatcher, adj=adj, sockinfo=info, bind_socket=False)
        app.extensions["shop-queue"] = self.task_dispatcher.queue

    def add_task(self, channel: Channel) -> None:
        channel.queued = monotonic()
        super().add_task(channel)

    def readable(self) -> bool:
        return len(self.active_channels) <= self.adj.connection_limit

    def handle_accept(self) -> None:
        for _ in range(BATCH):
            present = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == present:
                return
            if present >= self.adj.connection_limit:
                self.shed()

    def shed(self) -> None:
        """When all places are taken, whoever has kept one the longest without a request goes."""
        waiting = [each for each in self.active_channels.values() if not each.requests]
        if waiting:
            min(waiting, key=lambda each: each.since).handle_close()

    def stop(self, *_: object) -> None:
        self.draining.set()
        self.pull_trigger()

    def run(self) -> None:
        while not self.draining.is_set():
            self.step()
        self.drain()

    def step(self, timeout: float = 1) -> None:
        waiting = self.task_dispatcher.queue
        wasyncore.loop(MOMENT if waiting else timeout, use_poll=True, map=self._map, count=1)
        if waiting:
            self.task_dispatcher.stand_back()
        if monotonic() - self.swept >= 1:
            self.sweep()

    def sweep(self) -> None:
        now = self.swept = monotonic()
        for channel in list(self.active_channels.values()):
            if channel.overdue(now):
                channel.give_up()

    def drain(self) -> None:
        """Take nobody new; let everybody else finish."""
        for _ in range(BACKLOG // BATCH):  # and those who knocked before the door was closed
            self.handle_accept()
        wasyncore.dispatcher.close(self)
        began = monotonic()
        while self.active_channels and monotonic() - began < DRAIN:
            self.step(0.1)
            if monotonic() - began > GRACE:
                for channel in [each for each in self.active_channels.values() if each.doing() == "idle"]:
                    channel.handle_close()
        self.task_dispatcher.shutdown(timeout=max(1, began + DRAIN - monotonic()))


def listen(host: str, port: int) -> socket.socket:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(address, family=family, backlog=BACKLOG)


def places() -> int:
    """How many connections there is room for, once we have as many files as we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (soft, hard) or hard >= 4 * CONNECTIONS:
        hard = 4 * CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return hard // 4


def proxy(settings: Settings) -> dict[str, object]:
    """Forwarded headers count only when they come from the proxy that the settings name."""
    if not settings.trusted_proxy:
        return {"clear_untrusted_proxy_headers": True}
    return {
        "trusted_proxy": settings.trusted_proxy,
        "trusted_proxy_count": 1,
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"},
        "clear_untrusted_proxy_headers": True,
    }
