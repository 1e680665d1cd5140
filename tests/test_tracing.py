"""Traces of `shop serve`, received by a collector of the tests that decodes OTLP."""

import re
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from shop.app import create_app
from shop.cli.migrations import upgrade_database
from shop.domain.product import Product
from tests.conftest import KEY, enroll_user, settings_for
from tests.running import post_json, serving

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector(ThreadingHTTPServer):
    """Receives spans and keeps them."""

    def __init__(self):
        self.spans, self.resources = [], []
        super().__init__(("127.0.0.1", 0), SpanHandler)

    def add_spans(self, body):
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append({each.key: each.value.string_value for each in group.resource.attributes})
            self.spans += [span for scope in group.scope_spans for span in scope.spans]


class SpanHandler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.add_spans(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('traces') / 'shop.db'}"


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
def traced_requests(url, token, redis):
    """The collector after a few requests to a shop that was then stopped, and the answers."""
    collector = Collector()
    threading.Thread(target=collector.serve_forever, args=(0.02,), daemon=True).start()
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    with serving(url, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, SHOP_REDIS_URL=redis, SHOP_WORKERS="2") as (
        shop,
    ):
        parent = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
        answers = [
            requests.get(f"{shop.root}/products/1?fields=name,secret-of-a-query", headers=parent, timeout=30),
            requests.get(f"{shop.root}/products?q=secret-of-a-query", headers=parent, timeout=30),
            post_json(shop.root, "/orders", {"items": [{"product_id": 1, "quantity": 3}]}, token),
            requests.get(f"http://127.0.0.1:{shop.port}/health/ready", timeout=30),
            requests.get(f"{shop.root}/secret-of-a-path", timeout=30),
        ]
    collector.shutdown()
    collector.server_close()
    return collector, answers


def get_attributes(span):
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def find_request_spans(traced_requests):
    return [span for span in traced_requests[0].spans if span.kind == Span.SPAN_KIND_SERVER]


def find_children(traced_requests, parent):
    return [span for span in traced_requests[0].spans if span.parent_span_id == parent.span_id]


def test_a_request_is_a_span_named_by_its_route(traced_requests):
    assert sorted(span.name for span in find_request_spans(traced_requests)) == [
        "GET /api/v1/products", "GET /api/v1/products/<id:id>", "GET unmatched", "POST /api/v1/orders",
    ]  # fmt: skip


def test_a_span_says_how_the_request_ended(traced_requests):
    [found] = [
        get_attributes(span) for span in find_request_spans(traced_requests) if span.name.startswith("POST")
    ]
    assert found == {
        "http.request.method": "POST",
        "http.route": "/api/v1/orders",
        "http.response.status_code": 201,
    }


def test_the_trace_of_the_caller_goes_on(traced_requests):
    [span] = [span for span in find_request_spans(traced_requests) if span.name == "GET /api/v1/products"]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN)


def test_the_answer_says_which_span_it_was(traced_requests):
    [span] = [span for span in find_request_spans(traced_requests) if span.name == "GET /api/v1/products"]
    assert traced_requests[1][1].headers["traceresponse"] == f"00-{TRACE}-{span.span_id.hex()}-01"


def test_whoever_names_no_trace_begins_one(traced_requests):
    traces = {span.trace_id.hex() for span in find_request_spans(traced_requests)}
    assert (TRACE in traces, len(traces)) == (True, 3)


def test_every_statement_of_a_checkout_is_a_span_of_its_request(traced_requests):
    [checkout] = [span for span in find_request_spans(traced_requests) if span.name.startswith("POST")]
    calls = [get_attributes(span) for span in find_children(traced_requests, checkout)]
    words = [each["db.operation.name"] for each in calls if each.get("db.system.name") == "sqlite"]
    assert {"BEGIN", "SELECT", "UPDATE", "INSERT"} <= set(words)


def test_every_call_of_redis_is_a_span_of_its_request(traced_requests):
    found = [
        span
        for request_span in find_request_spans(traced_requests)
        for span in find_children(traced_requests, request_span)
        if get_attributes(span).get("db.system") == "redis"
    ]
    assert len(found) >= len(find_request_spans(traced_requests))


def test_no_span_is_alone_but_those_of_requests(traced_requests):
    parents = {span.span_id for span in find_request_spans(traced_requests)}
    assert all(
        span.parent_span_id in parents
        for span in traced_requests[0].spans
        if span.kind != Span.SPAN_KIND_SERVER
    )


def test_health_has_no_story(traced_requests):
    assert not any(
        "health" in span.name or "alembic" in str(get_attributes(span)) for span in traced_requests[0].spans
    )


def test_no_word_of_a_stranger_and_no_value_is_sent(traced_requests):
    assert not re.search(
        "secret-of-a|grace|shop.example|127.0.0.1:6",
        str([list(map(get_attributes, traced_requests[0].spans))]),
    )


def test_the_service_has_a_name(traced_requests):
    assert {each["service.name"] for each in traced_requests[0].resources} == {"shop"}


# ---- Faults ----------------------------------------------------------------------------------------


@pytest.fixture
def collector(isolated_logging, monkeypatch):
    """A running collector; the environment variable of OpenTelemetry has its URL."""
    collector = Collector()
    threading.Thread(target=collector.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
    yield collector
    collector.shutdown()
    collector.server_close()


def test_the_trace_is_in_the_log_and_a_failure_in_the_span(collector, url, token, capfd):
    code = f"""
from shop.app import create_app
from shop.settings import read_settings
app = create_app(read_settings({{"SHOP_SECRET_KEY": {KEY!r}, "SHOP_DATABASE_URL": "sqlite:////no/folder/shop.db"}}))
print(app.test_client().get("/api/v1/products").headers["traceresponse"][3:35])
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    [span] = [span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
    assert set(re.findall('"trace_id": "([^"]+)"', result.stderr)) == {
        span.trace_id.hex(),
        result.stdout.strip(),
    }
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, "")


def test_a_collector_that_hangs_slows_nothing(url, token):
    with socket.create_server(("127.0.0.1", 0)) as silent_server:
        endpoint = f"http://127.0.0.1:{silent_server.getsockname()[1]}"
        with serving(url, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_BSP_SCHEDULE_DELAY="20") as (shop,):
            slowest = 0.0
            for _ in range(30):
                slowest = max(
                    slowest, requests.get(f"{shop.root}/products/1", timeout=30).elapsed.total_seconds()
                )
            began = time.monotonic()
            shop.stop()
    assert (slowest < 0.9, time.monotonic() - began < 8) == (True, True)


def test_without_the_extra_the_start_stops_with_the_line_that_installs_it(url, token):
    code = """
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name == "opentelemetry" else find(name, *rest)
from shop.cli import main
sys.argv = ["shop", "serve", "--port", "1"]
main()
"""
    environ = {
        "SHOP_SECRET_KEY": KEY,
        "SHOP_DATABASE_URL": url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
    }
    result = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=30, check=False
    )
    message = "shop: OTEL_EXPORTER_OTLP_ENDPOINT: this needs an extra that is not installed: pip install '.[otel]'\n"
    assert (result.returncode, result.stderr) == (1, message)
