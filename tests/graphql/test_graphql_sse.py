"""Subscriptions of a running server, driven by the npm client of the protocol."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from tests.conftest import PASSWORD
from tests.load import StockedShop, build_order, build_shop, wait_until
from tests.node import with_packages
from tests.running import Process, post_json, serving

HERE = Path(__file__).parent
BACKENDS = ["sqlite", "postgresql"]
CHANGES = "subscription { changes { seq stock } }"
STEPS = "subscription { orderSteps { seq status } }"
CONNECTED, COMPLETE = {"connected": True}, {"complete": True}


class Subscriber:
    """A Node process with the client, and the lines that it has printed."""

    def __init__(self, url: str, query: str, **headers: str) -> None:
        field = "changes" if query == CHANGES else "orderSteps"
        command = [with_packages(HERE), HERE / "subscribe.mjs", url, field, query, json.dumps(headers)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.lines: list[dict[str, Any]] = []
        Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        self.lines.extend(map(json.loads, self.process.stdout))

    def has_printed(self, *lines: dict[str, Any]) -> bool:
        wait_until(lambda: len(self.lines) >= len(lines))
        assert self.lines == list(lines)
        return True

    def list_cursors(self) -> list[str]:
        return [line["data"]["changes"]["seq"] for line in self.lines if "data" in line]


@pytest.fixture
def subscribe() -> Iterator[Callable[..., Subscriber]]:
    started: list[Subscriber] = []

    def start(process: Process, query: str, token: str = "") -> Subscriber:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        started.append(Subscriber(f"{process.home}/graphql", query, **headers))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait(10)
        each.process.stdout.close()


@pytest.fixture
def stocked_shop(database_url: str) -> StockedShop:
    return build_shop(database_url)


@pytest.fixture
def shop(stocked_shop: StockedShop) -> Iterator[Process]:
    with serving(stocked_shop.url, login_rate_limit="1000000/second") as (process,):
        yield process


def buy(process: Process, token: str) -> None:
    assert post_json(process.root, "/orders", build_order((1, 1)), token).status_code == 201


def log_in(process: Process) -> str:
    credentials = {"username": "ada", "password": PASSWORD}
    return requests.post(f"{process.root}/tokens", json=credentials, timeout=10).json()["access_token"]


def log_out(process: Process, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.delete(f"{process.root}/tokens/current", headers=headers, timeout=10).ok


def test_an_event_comes_when_it_happens(shop, stocked_shop, subscribe):
    subscriber = subscribe(shop, CHANGES)
    assert subscriber.has_printed(CONNECTED)
    buy(shop, stocked_shop.token)
    assert subscriber.has_printed(CONNECTED, {"data": {"changes": {"seq": "1", "stock": 99_999}}})


def test_a_query_is_one_result_and_complete(shop, subscribe):
    expected = {"data": {"shop": {"name": "Shop"}}}
    assert subscribe(shop, "{ shop { name } }").has_printed(CONNECTED, expected, COMPLETE)


def test_what_is_wrong_is_a_result_and_no_reason_to_come_again(shop, subscribe):
    subscriber = subscribe(shop, STEPS)
    assert wait_until(lambda: COMPLETE in subscriber.lines)
    assert [error["extensions"]["code"] for error in subscriber.lines[1]["errors"]] == ["UNAUTHENTICATED"]


def test_a_subscription_ends_with_its_login(shop, stocked_shop, subscribe):
    subscriber = subscribe(shop, STEPS, token := log_in(shop))
    buy(shop, stocked_shop.token) if subscriber.has_printed(CONNECTED) else None
    assert subscriber.has_printed(CONNECTED, {"data": {"orderSteps": {"seq": "1", "status": "placed"}}})
    log_out(shop, token)
    buy(shop, stocked_shop.token)
    assert wait_until(lambda: COMPLETE in subscriber.lines)
    assert [error["extensions"]["code"] for error in subscriber.lines[2]["errors"]] == ["UNAUTHENTICATED"]


def test_a_subscription_goes_on_after_a_restart_of_the_server(stocked_shop, subscribe):
    with serving(stocked_shop.url) as (other,):
        process = Process(stocked_shop.url).start()
        subscriber = subscribe(process, CHANGES)
        assert subscriber.has_printed(CONNECTED)
        buy(process, stocked_shop.token)
        assert wait_until(lambda: subscriber.list_cursors() == ["1"])
        process.stop()
        buy(other, stocked_shop.token)
        buy(other, stocked_shop.token)
        again = Process(stocked_shop.url, port=process.port).start()
        buy(again, stocked_shop.token)
        is_complete = wait_until(lambda: subscriber.list_cursors() == ["1", "2", "3", "4"], 20)
        again.stop()
    assert is_complete, subscriber.lines
