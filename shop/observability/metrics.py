"""What Prometheus may ask, with the extra `metrics`: counted by every process, told by the parent.

The parent opens before it forks: prometheus_client decides when it is imported that several processes
share a folder. Doors, services and the domain know nothing of this; it watches them from outside.
"""

import atexit
import os
import shutil
import tempfile
import threading
from functools import cache
from http import HTTPMethod
from pathlib import Path
from time import perf_counter, sleep
from types import SimpleNamespace
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy import Engine, event
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shop.doors.quota import DEFAULT, POLICIES
from shop.doors.rest.memory import ANSWERS
from shop.settings import Settings
from shop.storage.transactions import WRITE_WAIT_OBSERVERS

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
BUSY = 5  # what SQLite calls SQLITE_BUSY
TICK = 1.0


def open(settings: Settings) -> None:  # noqa: A001
    """In the parent, before it forks: a folder to count in, and a port on loopback to tell from."""
    if not settings.metrics_port:
        return
    folder = os.environ.get(FOLDER) or fresh()
    for old in Path(folder).glob("*.db"):
        old.unlink()
    from prometheus_client import CollectorRegistry, multiprocess, start_http_server

    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    server, _ = start_http_server(settings.metrics_port, "127.0.0.1", registry)
    os.register_at_fork(after_in_child=server.socket.close)  # the port is free again when the parent is gone


def fresh() -> str:
    folder, parent = tempfile.mkdtemp(prefix="shop-metrics-"), os.getpid()
    os.environ[FOLDER] = folder
    atexit.register(lambda: os.getpid() == parent and shutil.rmtree(folder, ignore_errors=True))
    return folder


def gone(pid: int) -> None:
    """In the parent, when a worker has died: what it counted stays, what it held is held no more."""
    if os.environ.get(FOLDER):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(pid)


@cache
def series() -> SimpleNamespace:
    from prometheus_client import Counter, Gauge, Histogram

    def gauge(name: str, said: str, mode: Any = "livesum") -> Gauge:
        return Gauge(f"shop_{name}", said, multiprocess_mode=mode)

    made = SimpleNamespace(
        requests=Counter("shop_requests", "Requests answered.", ["route", "method", "status"]),
        errors=Counter("shop_server_errors", "Answers of 500 and above."),
        seconds=Histogram(
            "shop_request_seconds", "From the first look to the answer.", ["route", "method"], buckets=SECONDS
        ),
        running=gauge("requests_in_flight", "Requests being answered."),
        queued=gauge("queue_depth", "Requests waiting for a thread."),
        connections=gauge("db_connections_in_use", "Connections out of the pool."),
        exhausted=Counter("shop_db_pool_timeouts", "Requests that no connection was left for."),
        busy=Counter("shop_sqlite_busy", "Statements that SQLite refused because another process writes."),
        waited=Histogram("shop_sqlite_lock_seconds", "Waiting to be the writer of SQLite.", buckets=SECONDS),
        short=Counter("shop_stock_conflicts", "Orders for more than there is."),
        stale=Counter("shop_stale", "Changes of a version that no longer stands (412)."),
        replayed=Counter("shop_replays", "Answers given again under an Idempotency-Key."),
        limited=Counter("shop_limited", "Requests over a limit (429).", ["policy"]),
        fallback=gauge("limiter_fallback", "1 where limits are counted without Redis.", "livemax"),
        failed=Counter("shop_login_failures", "Logins refused."),
    )
    for policy in POLICIES:
        made.limited.labels(policy)
    return made


def watch(app: Flask, engine: Engine) -> None:
    """Before the doors are opened, so as to come first into every request and to be the last to leave it."""
    app.before_request(lambda: begin(app, engine))
    app.after_request(end)
    app.teardown_request(leave)
    event.listen(engine, "handle_error", busy)
    WRITE_WAIT_OBSERVERS.add(waited)
    ANSWERS.add(answered)


def begin(app: Flask, engine: Engine) -> None:
    g.seen = perf_counter()
    series().running.inc()
    look_around(os.getpid(), app, engine)


def end(response: Response) -> Response:
    made, status = series(), response.status_code
    route = request.url_rule.rule if request.url_rule else "unmatched"
    method = request.method if request.method in HTTPMethod.__members__ else "other"
    answered(route, status, perf_counter() - g.seen, method)
    if status == 429:
        made.limited.labels(g.get("violated", [DEFAULT])[0]).inc()
    for counter, happened in (
        (made.errors, status >= 500),
        (made.exhausted, isinstance(g.pop("fault", None), PoolTimeout)),
        (made.short, g.pop("code", "") == "out_of_stock"),
        (made.stale, status == 412),
        (made.replayed, "Idempotency-Replayed" in response.headers),
        (made.failed, status == 401 and (request.endpoint or "").endswith("tokens.login")),
    ):
        if happened:
            counter.inc()
    return response


def waited(seconds: float) -> None:
    series().waited.observe(seconds)


def answered(route: str, status: int, seconds: float, method: str = "GET") -> None:
    series().requests.labels(route, method, status).inc()
    series().seconds.labels(route, method).observe(seconds)


def leave(_: BaseException | None) -> None:
    if g.pop("seen", None):
        series().running.dec()


def busy(context: Any) -> None:
    if getattr(context.original_exception, "sqlite_errorcode", 0) & 0xFF == BUSY:
        series().busy.inc()


@cache
def look_around(_pid: int, app: Flask, engine: Engine) -> None:
    """Once in a process, and not before the fork: look every second after what nobody tells."""
    threading.Thread(target=look, args=(app, engine), daemon=True).start()


def look(app: Flask, engine: Engine) -> None:
    made, queue = series(), app.extensions.get("shop-queue", ())
    while True:
        made.queued.set(len(queue))
        made.connections.set(engine.pool.checkedout())
        made.fallback.set(any(each.limiter.storage is not each.storage for each in app.extensions["limiter"]))
        sleep(TICK)
