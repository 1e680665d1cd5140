"""Prometheus metrics (the extra `metrics`): every process counts, and the parent serves the totals.

The parent starts the exporter before it forks, because prometheus_client reads the name of the shared folder
when it is imported. Doors, services and the domain do not import this module; it hooks into them.
"""

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from http import HTTPMethod
from pathlib import Path
from time import perf_counter, sleep
from types import SimpleNamespace
from typing import Any

from flask import Flask, Response, request
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shop.doors.login_limits import LOGIN_POLICIES
from shop.hypermedia.rate_limits import DEFAULT, POLICIES
from shop.hypermedia.request import request_state
from shop.runtime import get_runtime
from shop.services.deliveries import Backlog
from shop.settings import Settings
from shop.webhooks.retries import Outcome

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
SQLITE_BUSY = 5  # the primary result code
SAMPLE_SECONDS = 1.0
BACKLOG_SECONDS = 10.0


def start_exporter(settings: Settings) -> None:
    """Create the shared folder and serve the metrics on the loopback interface; call it before forking."""
    if not settings.metrics_port:
        return
    folder = os.environ.get(FOLDER_VARIABLE) or create_folder()
    for file in Path(folder).glob("*.db"):
        file.unlink()
    from prometheus_client import CollectorRegistry, multiprocess, start_http_server

    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    server, _ = start_http_server(settings.metrics_port, "127.0.0.1", registry)
    # So that the port is free as soon as the parent ends.
    os.register_at_fork(after_in_child=server.socket.close)


def create_folder() -> str:
    folder, parent = tempfile.mkdtemp(prefix="shop-metrics-"), os.getpid()
    os.environ[FOLDER_VARIABLE] = folder
    atexit.register(lambda: os.getpid() == parent and shutil.rmtree(folder, ignore_errors=True))
    return folder


def mark_worker_dead(pid: int) -> None:
    """Drop the gauges of a worker that has died and keep its counters; called in the parent."""
    if os.environ.get(FOLDER_VARIABLE):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(pid)


@cache
def get_collectors() -> SimpleNamespace:
    from prometheus_client import Counter, Gauge, Histogram

    def make_gauge(name: str, description: str, mode: Any = "livesum") -> Gauge:
        return Gauge(f"shop_{name}", description, multiprocess_mode=mode)

    collectors = SimpleNamespace(
        requests=Counter("shop_requests", "Requests answered.", ["route", "method", "status"]),
        errors=Counter("shop_server_errors", "Answers of 500 and above."),
        seconds=Histogram(
            "shop_request_seconds",
            "Seconds from the start of a request to its answer.",
            ["route", "method"],
            buckets=DURATION_BUCKETS,
        ),
        running=make_gauge("requests_in_flight", "Requests being answered."),
        queued=make_gauge("queue_depth", "Requests waiting for a thread."),
        connections=make_gauge("db_connections_in_use", "Connections out of the pool."),
        pool_timeouts=Counter("shop_db_pool_timeouts", "Requests that got no database connection."),
        busy_errors=Counter(
            "shop_sqlite_busy", "Statements that SQLite refused because another process writes."
        ),
        lock_waits=Histogram(
            "shop_sqlite_lock_seconds", "Waiting to be the writer of SQLite.", buckets=DURATION_BUCKETS
        ),
        stock_conflicts=Counter("shop_stock_conflicts", "Orders refused for lack of stock."),
        stale=Counter("shop_stale", "Changes refused because the version was old (412)."),
        replays=Counter("shop_replays", "Stored answers returned for a repeated Idempotency-Key."),
        limited_requests=Counter("shop_limited", "Requests over a limit (429).", ["policy"]),
        fallback=make_gauge("limiter_fallback", "1 where limits are counted without Redis.", "livemax"),
        login_failures=Counter("shop_login_failures", "Logins refused."),
    )
    for policy in (*POLICIES, *LOGIN_POLICIES):
        collectors.limited_requests.labels(policy)
    return collectors


@cache
def get_hook_collectors() -> SimpleNamespace:
    """Return the collectors of `shop hooks`."""
    from prometheus_client import Counter, Gauge, Histogram

    return SimpleNamespace(
        attempts=Counter("shop_hook_attempts", "Attempts to send a message to a hook.", ["outcome"]),
        seconds=Histogram(
            "shop_hook_seconds", "Seconds of an attempt to send a message.", buckets=DURATION_BUCKETS
        ),
        backlog=Gauge("shop_hook_deliveries_due", "Deliveries that are due.", multiprocess_mode="livemax"),
        delay=Gauge(
            "shop_hook_oldest_seconds", "Seconds that the oldest is due.", multiprocess_mode="livemax"
        ),
    )


def install_metrics(app: Flask, engine: Engine) -> None:
    """Install the hooks; call it before the doors are opened, so that it times the whole request."""
    app.before_request(lambda: count_request_start(app, engine))
    app.after_request(count_response)
    app.teardown_request(count_request_end)
    event.listen(engine, "handle_error", count_busy_error)
    get_runtime(app).observe_write_wait = observe_write_wait
    get_runtime(app).observe_response = observe_request


def count_request_start(app: Flask, engine: Engine) -> None:
    request_state().measured_at = perf_counter()
    get_collectors().running.inc()
    start_sampling(os.getpid(), app, engine)


def count_response(response: Response) -> Response:
    collectors, status = get_collectors(), response.status_code
    route = request.url_rule.rule if request.url_rule else "unmatched"
    method = request.method if request.method in HTTPMethod.__members__ else "other"
    observe_request(route, status, perf_counter() - request_state().measured_at, method)
    if status == 429:
        collectors.limited_requests.labels((request_state().violated_policies or [DEFAULT])[0]).inc()
    for collector, applies in (
        (collectors.errors, status >= 500),
        (collectors.pool_timeouts, isinstance(request_state().fault, PoolTimeout)),
        (collectors.stock_conflicts, request_state().error_code == "out_of_stock"),
        (collectors.stale, status == 412),
        (collectors.replays, "Idempotency-Replayed" in response.headers),
        (collectors.login_failures, status == 401 and (request.endpoint or "").endswith("tokens.login")),
    ):
        if applies:
            collector.inc()
    return response


def observe_write_wait(seconds: float) -> None:
    get_collectors().lock_waits.observe(seconds)


def observe_request(route: str, status: int, seconds: float, method: str = "GET") -> None:
    get_collectors().requests.labels(route, method, status).inc()
    get_collectors().seconds.labels(route, method).observe(seconds)


def observe_attempt(outcome: Outcome) -> None:
    """Count an attempt to send a message to a hook."""
    get_hook_collectors().attempts.labels("delivered" if outcome.is_success else "failed").inc()
    get_hook_collectors().seconds.observe(outcome.seconds)


def watch_hooks(settings: Settings, measure: Callable[[], Backlog]) -> None:
    """Start a thread that samples the backlog of deliveries."""
    if settings.metrics_port:
        threading.Thread(target=sample_backlog, args=(measure,), daemon=True).start()


def sample_backlog(measure: Callable[[], Backlog]) -> None:
    while True:
        with suppress(SQLAlchemyError):  # the next sample comes soon
            backlog = measure()
            get_hook_collectors().backlog.set(backlog.count)
            get_hook_collectors().delay.set(backlog.oldest_seconds)
        sleep(BACKLOG_SECONDS)


def count_request_end(_: BaseException | None) -> None:
    if request_state().measured_at:
        request_state().measured_at = 0.0
        get_collectors().running.dec()


def count_busy_error(context: Any) -> None:
    if getattr(context.original_exception, "sqlite_errorcode", 0) & 0xFF == SQLITE_BUSY:
        get_collectors().busy_errors.inc()


@cache
def start_sampling(_pid: int, app: Flask, engine: Engine) -> None:
    """Start one sampling thread per process; called at the first request, which is after the fork."""
    threading.Thread(target=sample_gauges, args=(app, engine), daemon=True).start()


def sample_gauges(app: Flask, engine: Engine) -> None:
    collectors, queue = get_collectors(), get_runtime(app).task_queue
    while True:
        collectors.queued.set(len(queue))
        collectors.connections.set(engine.pool.checkedout())
        collectors.fallback.set(
            any(limiter.limiter.storage is not limiter.storage for limiter in app.extensions["limiter"])
        )
        sleep(SAMPLE_SECONDS)
