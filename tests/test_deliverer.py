"""The deliverer as a process, with real receivers that fail, hang and are killed."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
import requests
from sqlalchemy import text

from shop.cli.hooks import build_deliverer
from shop.doors.webhooks import deliverer as deliverer_module
from tests.conftest import KEY
from tests.receivers import Receiver, receiving
from tests.servers import find_free_port

BACKENDS = ["sqlite"]  # tests/services has both; tests/faults, a deliverer on PostgreSQL
TIMEOUT = 30
ROOT = "https://shop.example"


def start_process(url, *options, **settings):
    environ = {
        **os.environ, "SHOP_SECRET_KEY": KEY, "SHOP_DATABASE_URL": url, "SHOP_PUBLIC_URL": ROOT,
        "SHOP_ALLOW_PRIVATE_HOOKS": "on", **settings,
    }  # fmt: skip
    command = [sys.executable, "-m", "shop.cli", "hooks", *options]
    process = subprocess.Popen(
        command, env=environ, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    first = process.stderr.readline()
    assert "sending events" in first, first
    process.lines = []
    threading.Thread(target=lambda: process.lines.extend(process.stderr), daemon=True).start()
    return process


@contextmanager
def delivering(url, *options, **settings):
    process = start_process(url, *options, **settings)
    try:
        yield process
    finally:
        process.kill()
        process.wait(TIMEOUT)


@pytest.fixture
def owner(app, person, variant):
    return person("dev", at=variant(allow_private_hooks="on"))


@pytest.fixture
def add_hook(owner):
    def add(receiver, *events):
        url = receiver.url if isinstance(receiver, Receiver) else receiver
        return owner.post("/api/v1/hooks", {"url": url, "events": [*(events or ("*",))]}).json

    return add


@pytest.fixture
def buy(product, owner):
    id = product(stock=100_000)
    return lambda: owner.post(f"/api/v1/products/{id}/buy", {"quantity": 1}).json["id"]


def list_deliveries(owner, **search):
    return owner.get("/api/v1/deliveries", query_string={"per_page": 100, **search}).json["_embedded"]["item"]


def wait_until(is_true, seconds=10):
    deadline = time.monotonic() + seconds
    while not is_true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_true()


class TestDelivery:
    def test_a_message_names_the_event_and_links_to_the_order(self, database_url, owner, add_hook, buy):
        with receiving() as receiver, delivering(database_url):
            secret, order = add_hook(receiver)["secret"], buy()
            (message,) = receiver.wait_for(1)
        body = message.verify(secret)
        href = f"{ROOT}/api/orders/{order}"
        assert (body["type"], body["data"]) == (
            "order.placed",
            {"id": order, "_links": {"self": {"href": href}}},
        )
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["timestamp"])
        assert (len(message.body) < 20_000, message.headers["content-type"]) == (True, "application/json")

    def test_what_happened_while_none_ran_is_sent_in_order(self, database_url, owner, add_hook, buy):
        with receiving() as receiver:
            add_hook(receiver)
            orders = [buy() for _ in range(10)]
            with delivering(database_url):
                messages = receiver.wait_for(10)
        assert [json.loads(message.body)["data"]["id"] for message in messages] == orders

    def test_an_event_comes_within_a_second(self, database_url, owner, add_hook, buy):
        with receiving() as receiver, delivering(database_url):
            add_hook(receiver)
            buy()
            receiver.wait_for(1)
            began = time.monotonic()
            buy()
            assert receiver.wait_for(2)[1].at - began < 1

    def test_the_outcome_is_in_the_list(self, database_url, owner, add_hook, buy):
        with receiving(202) as receiver, delivering(database_url):
            add_hook(receiver)
            buy()
            assert wait_until(lambda: list_deliveries(owner, status="delivered"))
        (delivery,) = list_deliveries(owner)
        assert (delivery["attempts"], delivery["response_status"], delivery["duration_ms"] < 2000) == (
            1,
            202,
            True,
        )

    def test_after_a_rotation_both_secrets_are_valid(self, database_url, owner, add_hook):
        with receiving() as receiver, delivering(database_url):
            secrets = [add_hook(receiver)["secret"], owner.post("/api/v1/hooks/1/rotate").json["secret"]]
            owner.post("/api/v1/hooks/1/ping")
            (message,) = receiver.wait_for(1)
        assert [message.verify(secret)["type"] for secret in secrets] == ["hook.ping"] * 2

    def test_a_message_that_is_sent_again_keeps_its_id_and_has_a_new_time(
        self, database_url, owner, add_hook
    ):
        with receiving() as receiver, delivering(database_url):
            secret = add_hook(receiver)["secret"]
            id = owner.post("/api/v1/hooks/1/ping").json["id"]
            assert wait_until(lambda: list_deliveries(owner, status="delivered"))
            time.sleep(1)
            owner.post(f"/api/v1/deliveries/{id}/redeliver")
            first, second = receiver.wait_for(2)
        assert (first.id, first.body) == (second.id, second.body)
        assert (
            second.verify(secret)["type"],
            first.headers["webhook-timestamp"] < second.headers["webhook-timestamp"],
        ) == ("hook.ping", True)


class TestReceiversThatFail:
    def test_a_failure_is_tried_again_after_five_seconds_with_the_same_id(
        self, database_url, owner, add_hook, buy
    ):
        answers = iter([500] + [204] * 9)
        with receiving(answer=lambda _: (next(answers), {})) as receiver, delivering(database_url):
            add_hook(receiver)
            buy()
            first, second = receiver.wait_for(2)
        assert (first.id == second.id, 4.9 < second.at - first.at < 8) == (True, True)

    def test_one_that_is_gone_is_disabled(self, database_url, owner, add_hook, buy):
        with receiving(410) as receiver, delivering(database_url):
            add_hook(receiver)
            buy()
            assert wait_until(lambda: owner.get("/api/v1/hooks/1").json["status"] == "disabled")
            buy()
            time.sleep(0.5)
        assert len(receiver.messages) == 1

    def test_a_redirect_is_not_followed(self, database_url, owner, add_hook, buy):
        with (
            receiving() as other,
            receiving(302, {"Location": other.url}) as receiver,
            delivering(database_url),
        ):
            add_hook(receiver)
            buy()
            assert wait_until(
                lambda: [each.get("response_status") for each in list_deliveries(owner)] == [302]
            )
        assert other.messages == []

    def test_slow_ones_delay_no_other(self, database_url, app, person, variant, add_hook, buy):
        """More hooks hang than there are senders."""
        release = threading.Event()
        with (
            receiving(answer=lambda _: (release.wait(10), (204, {}))[1]) as slow,
            receiving() as quick,
            delivering(database_url, "--senders", "4"),
        ):
            other = person("mal", at=variant(allow_private_hooks="on"))
            for _ in range(8):
                other.post("/api/v1/hooks", {"url": slow.url, "events": ["*"]})
            run_sql(app, "UPDATE hooks SET failing_since = created_at")
            for id in range(1, 9):
                other.post(f"/api/v1/hooks/{id}/ping")
            slow.wait_for(2)
            add_hook(quick)
            began = time.monotonic()
            for _ in range(5):
                buy()
            quick.wait_for(5)
            seconds = time.monotonic() - began
            release.set()
        assert (len(quick.messages), seconds < 5) == (5, True)


def run_sql(app, statement):
    with app.extensions["shop"].engine.begin() as connection:
        connection.execute(text(statement))


class TestProcesses:
    def test_one_that_is_killed_loses_nothing(self, database_url, app, add_hook, buy):
        """Deliverers are killed again and again while orders are placed."""
        with receiving() as receiver:
            add_hook(receiver, "order.placed")
            orders = []
            for _ in range(4):
                process = start_process(database_url)
                orders += [buy() for _ in range(10)]
                time.sleep(0.2)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(TIMEOUT)
            run_sql(app, "UPDATE hooks SET free_at = created_at")  # the leases of the killed end now
            with delivering(database_url):
                assert wait_until(lambda: len({message.id for message in receiver.messages}) == 40, 20)
            subjects = {json.loads(message.body)["data"]["id"] for message in receiver.messages}
        assert (subjects, len(receiver.messages) <= 44) == (set(orders), True)

    def test_several_send_each_message_once(self, database_url, owner, add_hook, buy):
        with receiving() as receiver, delivering(database_url), delivering(database_url):
            add_hook(receiver, "order.placed")
            orders = [buy() for _ in range(30)]
            receiver.wait_for(30, 20)
            time.sleep(0.3)
        assert [json.loads(message.body)["data"]["id"] for message in receiver.messages] == orders

    def test_one_stops_within_two_seconds_even_if_a_receiver_hangs(self, database_url, owner, add_hook, buy):
        release = threading.Event()
        with receiving(answer=lambda _: (release.wait(10), (204, {}))[1]) as receiver:
            process = start_process(database_url)
            add_hook(receiver)
            buy()
            receiver.wait_for(1)
            began = time.monotonic()
            process.terminate()
            code = process.wait(TIMEOUT)
            release.set()
        assert (code, time.monotonic() - began < 2) == (0, True)

    def test_the_log_has_a_line_for_each_attempt_without_path_secret_and_body(
        self, database_url, owner, add_hook, buy
    ):
        with receiving() as receiver, delivering(database_url) as process:
            secret = add_hook(receiver.url + "?token=hush")["secret"]
            buy()
            assert wait_until(lambda: any("order.placed" in line for line in process.lines))
        log = "".join(process.lines)
        line = r"hook 1: order.placed \(order_steps_\d+\) to 127.0.0.1:\d+, attempt 1: 204 in \d+ ms"
        assert re.search(line, log)
        assert [word for word in (secret, "hush", "/events", "_links") if word in log] == []

    def test_metrics_count_what_was_sent(self, database_url, owner, add_hook, buy):
        port = find_free_port()
        with receiving() as receiver, delivering(database_url, SHOP_METRICS_PORT=str(port)):
            add_hook(receiver)
            buy()
            receiver.wait_for(1)
            read = lambda: requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text  # noqa: E731
            assert wait_until(lambda: 'shop_hook_attempts_total{outcome="delivered"} 1.0' in read())
            assert "shop_hook_oldest_seconds" in read()

    def test_without_its_public_url_it_says_so(self, database_url):
        environ = {**os.environ, "SHOP_SECRET_KEY": KEY, "SHOP_DATABASE_URL": database_url}
        found = subprocess.run(
            [sys.executable, "-m", "shop.cli", "hooks"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        assert (found.returncode, "SHOP_PUBLIC_URL" in found.stderr) == (1, True)


def test_an_outage_of_the_database_loses_nothing(app, owner, add_hook, buy, monkeypatch):
    """Recording fails at first; the delivery is not sent twice for that."""
    monkeypatch.setattr(deliverer_module, "OUTAGE_PAUSE", 0.1)
    real, calls = deliverer_module.record_outcome, []

    def record(*arguments):
        calls.append(1)
        if len(calls) < 3:
            raise deliverer_module.DomainError("The database does not answer.")
        return real(*arguments)

    monkeypatch.setattr(deliverer_module, "record_outcome", record)
    deliverer = build_deliverer(owner.client.application, ROOT)
    with receiving() as receiver:
        add_hook(receiver)
        buy()
        deliverer.start()
        assert wait_until(lambda: list_deliveries(owner, status="delivered"))
        deliverer.stop(2)
    assert (len(receiver.messages), len(calls)) == (1, 3)


def test_a_fault_in_one_look_does_not_end_all_deliveries(owner, add_hook, buy, monkeypatch):
    monkeypatch.setattr(deliverer_module, "OUTAGE_PAUSE", 0.1)
    real, calls = deliverer_module.distribute_events, []

    def distribute(ctx):
        calls.append(1)
        if len(calls) == 1:
            raise KeyError("a row of a newer version")
        return real(ctx)

    monkeypatch.setattr(deliverer_module, "distribute_events", distribute)
    deliverer = build_deliverer(owner.client.application, ROOT)
    with receiving() as receiver:
        add_hook(receiver)
        buy()
        deliverer.start()
        assert receiver.wait_for(1)
        deliverer.stop(2)
