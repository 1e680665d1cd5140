"""The metrics for Prometheus: every kind of event is counted, in every process, without input as labels."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import requests
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from shop.app import create_app
from shop.cli.migrations import upgrade_database
from shop.domain.product import Product
from shop.observability import metrics
from tests.conftest import KEY, enroll_user, settings_for
from tests.running import post_json, serving
from tests.servers import find_free_port

SERIES = {
    "requests", "server_errors", "request_seconds", "requests_in_flight", "queue_depth", "db_connections_in_use",
    "db_pool_timeouts", "sqlite_busy", "sqlite_lock_seconds", "stock_conflicts", "stale", "replays", "limited",
    "limiter_fallback", "login_failures",
}  # fmt: skip


def read_metrics(port):
    """Return the metrics of this port: the value of each series and set of labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {
            (each.name, *sorted(each.labels.items())): each.value
            for family in families
            for each in family.samples
        }


def wait_for_metrics(port, is_good, seconds=10):
    """Return the metrics as soon as they are good, or the last ones after the time limit."""
    end = time.monotonic() + seconds
    while not is_good(found := read_metrics(port)) and time.monotonic() < end:
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """The database of a shop with staff and one desk."""
    return f"sqlite:///{tmp_path_factory.mktemp('metrics') / 'shop.db'}"


@pytest.fixture(scope="module")
def token(url):
    app = create_app(settings_for(url))
    with app.app_context():
        upgrade_database()
        session = app.extensions["sqlalchemy"].session
        session.add(Product(name="Desk", description="", price=1, stock=5))
        session.commit()
    return enroll_user(app, "grace", "staff")[1]["access_token"]


@pytest.fixture(scope="module")
def metrics_after_events(url, token):
    """The metrics after every kind of event has happened once."""
    port = find_free_port()
    settings = {"SHOP_METRICS_PORT": str(port), "SHOP_REDIS_URL": f"redis://127.0.0.1:{find_free_port()}/0"}
    with serving(url, SHOP_LOGIN_RATE_LIMIT="1/hour", **settings) as (shop,):
        cause_events(shop.root, token)
        yield wait_for_metrics(port, lambda found: found[("shop_limiter_fallback",)])


def cause_events(root, token):
    bearer = {"Authorization": f"Bearer {token}"}
    for _ in range(2):
        post_json(root, "/orders", {"items": [{"product_id": 1, "quantity": 1}]}, token, "one")
        requests.post(f"{root}/tokens", json={"username": "grace", "password": "wrong"}, timeout=30)
    post_json(root, "/orders", {"items": [{"product_id": 1, "quantity": 99}]}, token)
    requests.patch(
        f"{root}/products/1", json={"stock": 7}, headers={**bearer, "If-Match": '"1-99"'}, timeout=30
    )
    requests.request("MAKEUP", f"{root}/a/path/made-up", timeout=30)
    first = requests.get(f"{root}/products/1", timeout=30)
    requests.get(f"{root}/products/1", headers={"If-None-Match": first.headers["ETag"]}, timeout=30)


def get_value(found, name, **labels):
    return found.get((f"shop_{name}", *sorted(labels.items())))


def test_every_series_that_is_promised_is_told(metrics_after_events):
    names = {re.sub("_(total|bucket|sum|count|created)$", "", name) for name, *_ in metrics_after_events}
    assert names == {f"shop_{name}" for name in SERIES}


@pytest.mark.parametrize("name", ["replays", "stock_conflicts", "stale", "login_failures"])
def test_what_happened_once_is_counted_once(metrics_after_events, name):
    assert get_value(metrics_after_events, f"{name}_total") == 1


def test_nothing_that_did_not_happen_is_counted(metrics_after_events):
    assert [
        get_value(metrics_after_events, f"{name}_total")
        for name in ("server_errors", "db_pool_timeouts", "sqlite_busy")
    ] == [
        0,
        0,
        0,
    ]


def test_a_login_over_its_limit_is_counted_by_policy(metrics_after_events):
    found = [
        get_value(metrics_after_events, "limited_total", policy=policy)
        for policy in ("default", "login", "account")
    ]
    assert (found[0], sum(found)) == (0, 1)


def test_requests_are_counted_by_route_method_and_the_status_that_was_sent(metrics_after_events):
    route = "/api/v1/products/<id:id>"
    assert [
        get_value(metrics_after_events, "requests_total", route=route, method="GET", status=status)
        for status in ("200", "304")
    ] == [1, 1]


def test_every_request_is_timed(metrics_after_events):
    assert (
        get_value(metrics_after_events, "request_seconds_count", route="/api/v1/orders", method="POST") == 3
    )


def test_a_writer_of_sqlite_is_timed_while_it_waits(metrics_after_events):
    assert get_value(metrics_after_events, "sqlite_lock_seconds_count") >= 3


def test_limits_that_are_counted_without_redis_are_told(metrics_after_events):
    assert get_value(metrics_after_events, "limiter_fallback") == 1


def test_no_word_of_a_stranger_becomes_a_label(metrics_after_events):
    assert (
        get_value(metrics_after_events, "requests_total", route="unmatched", method="other", status="404")
        == 1
    )
    assert not re.search("(?i)made-up|makeup", str(metrics_after_events))


def test_the_dashboard_and_the_alerts_ask_only_for_what_is_told(metrics_after_events):
    names = {name for name, *_ in metrics_after_events}
    for file in ("grafana-dashboard.json", "alerts.yaml"):
        names_used = set(
            re.findall(r"\bshop_[a-z_0-9]+", (Path(__file__).parent.parent / "deploy" / file).read_text())
        )
        assert (bool(names_used), names_used - names) == (True, set())


# ---- Several processes -----------------------------------------------------------------------------

PARENT_PROCESS = """
import os, signal, sys
from shop.observability import metrics
from shop.app import create_app
from shop.settings import read_settings

settings = read_settings()
metrics.start_exporter(settings)
children = []
for _ in range(2):
    here, there = os.pipe()
    if not (pid := os.fork()):
        app = create_app(settings)
        app.add_url_rule("/wait", "wait", lambda: (os.write(there, b"."), signal.pause()))
        [app.test_client().get("/api/v1/") for _ in range(3)]
        app.test_client().get("/wait")
    os.read(here, 1)
    children.append(pid)
print("ready", *children, flush=True)
for line in sys.stdin:
    pid = int(line)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    metrics.mark_worker_dead(pid)
    print("gone", flush=True)
"""


@pytest.fixture
def parent_process(url, token):
    """A parent and two workers, each of which has answered three requests and is busy with a fourth."""
    port = find_free_port()
    environ = {
        **os.environ,
        "SHOP_SECRET_KEY": KEY,
        "SHOP_DATABASE_URL": url,
        "SHOP_METRICS_PORT": str(port),
        "SHOP_LOG_LEVEL": "ERROR",
    }
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", PARENT_PROCESS], env=environ, **pipes) as parent:
        workers = parent.stdout.readline().split()[1:]

        def kill_worker(pid):
            print(pid, file=parent.stdin, flush=True)
            parent.stdout.readline()

        try:
            yield port, workers, kill_worker
        finally:
            [kill_worker(pid) for pid in workers if Path(f"/proc/{pid}").exists()]
            parent.stdin.close()


def test_the_parent_tells_what_all_its_workers_counted(parent_process):
    port, *_ = parent_process
    found = read_metrics(port)
    assert (
        get_value(found, "requests_total", route="/api/v1/", method="GET", status="200"),
        get_value(found, "requests_in_flight"),
    ) == (6, 2)


def test_what_a_dead_worker_counted_stays_and_what_it_held_is_let_go(parent_process):
    port, (first, _), kill_worker = parent_process
    kill_worker(first)
    found = read_metrics(port)
    assert (
        get_value(found, "requests_total", route="/api/v1/", method="GET", status="200"),
        get_value(found, "requests_in_flight"),
    ) == (6, 1)


def test_all_workers_of_a_server_are_told_together(url, token):
    port, series = (
        find_free_port(),
        ("shop_requests_total", ("method", "GET"), ("route", "/api/v1/products/<id:id>")),
    )
    with serving(url, SHOP_WORKERS="2", SHOP_METRICS_PORT=str(port)) as (shop,):
        for _ in range(20):
            requests.get(f"{shop.root}/products/1", timeout=5)
        found = wait_for_metrics(port, lambda found: found.get((*series, ("status", "200"))) == 20)
    assert found[(*series, ("status", "200"))] == 20


def test_a_folder_that_was_used_before_begins_empty(tmp_path, monkeypatch, url):
    (tmp_path / "counter_1.db").write_bytes(b"old")
    environ = {
        **os.environ,
        "SHOP_SECRET_KEY": KEY,
        "SHOP_METRICS_PORT": str(find_free_port()),
        metrics.FOLDER_VARIABLE: str(tmp_path),
    }
    code = "from shop import settings; from shop.observability import metrics; metrics.start_exporter(settings.read_settings())"
    subprocess.run([sys.executable, "-c", code], env=environ, check=True, timeout=30)
    assert list(tmp_path.iterdir()) == []


# ---- Faults of the database ------------------------------------------------------------------------


@pytest.fixture
def counting_app(url, token, isolated_logging):
    """A shop in this process that counts events, and its engine."""
    app = create_app(settings_for(url, metrics_port="9", threads="1"))
    with app.app_context():
        engine = app.extensions["shop"].engine
    yield app, engine
    engine.dispose()


def get_count(name):
    return REGISTRY.get_sample_value(f"shop_{name}_total") or 0


def place_order(app, token):
    items, bearer = [{"product_id": 1, "quantity": 1}], {"Authorization": f"Bearer {token}"}
    return app.test_client().post("/api/v1/orders", json={"items": items}, headers=bearer).status_code


def test_a_database_that_another_process_holds_is_counted(counting_app, token):
    app, engine = counting_app
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=20"))
    before = get_count("sqlite_busy")
    with engine.connect().execution_options(sqlite_begin="EXCLUSIVE") as other, other.begin():
        status = place_order(app, token)
    assert (status, get_count("sqlite_busy") - before) == (503, 1)


def test_a_pool_that_has_nothing_left_is_counted(counting_app, token, monkeypatch):
    app, engine = counting_app
    monkeypatch.setattr(engine.pool, "_timeout", 0.02)
    before = get_count("db_pool_timeouts")
    held = [engine.connect() for _ in range(3)]
    status = place_order(app, token)
    [each.close() for each in held]
    assert (status, get_count("db_pool_timeouts") - before) == (503, 1)


def test_a_shop_that_nobody_asks_does_not_count(url, token, isolated_logging):
    code = f"""
import sys
from shop.app import create_app
from shop.settings import read_settings
app = create_app(read_settings({{"SHOP_SECRET_KEY": {KEY!r}, "SHOP_DATABASE_URL": {url!r}, "SHOP_LOG_LEVEL": "ERROR"}}))
app.test_client().get("/api/v1/products")
print([name for name in sys.modules if name.startswith(("prometheus", "opentelemetry"))])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert ran.stdout == "[]\n"
