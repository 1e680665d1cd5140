"""Deliverer, receiver and database are killed in turn; every event arrives, and duplicates have one id."""

import json
import os
import signal

from sqlalchemy import create_engine, text

from tests.load import build_order, wait_until
from tests.receivers import Receiver, receiving
from tests.running import Process, post_json, serving
from tests.servers import find_free_port
from tests.test_deliverer import TIMEOUT, delivering, start_process

ROUNDS, ORDERS = 3, 4


def place_order(shop: Process, token: str) -> int:
    """Place an order, as soon as the database is there again."""
    answer = wait_until(lambda: post_json(shop.root, "/orders", build_order((1, 1)), token), 20)
    return answer.json()["id"] if answer.status_code == 201 else place_order(shop, token)


def let_time_pass(url: str) -> None:
    """End all leases and all waiting for the next attempt."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE hooks SET free_at = created_at"))
        connection.execute(
            text("UPDATE deliveries SET next_attempt_at = created_at WHERE status = 'waiting'")
        )
    engine.dispose()


def read_subjects(receivers: list[Receiver]) -> dict[str, int]:
    """Return the orders that all receivers were told of, by message id."""
    messages = [message for receiver in receivers for message in receiver.messages]
    return {message.id: json.loads(message.body)["data"]["id"] for message in messages}


def test_what_is_killed_in_turn_loses_no_event(cluster, stocked_shop):
    port, receivers, orders = find_free_port(), list[Receiver](), []
    url, token = stocked_shop.url, stocked_shop.token
    with serving(url, SHOP_ALLOW_PRIVATE_HOOKS="on") as (shop,):
        hook = {"url": f"http://127.0.0.1:{port}/", "events": ["order.placed"]}
        assert post_json(shop.root, "/hooks", hook, token).status_code == 201
        for _ in range(ROUNDS):
            process = start_process(url)
            with receiving(port=port) as receiver:
                receivers.append(receiver)
                orders += [place_order(shop, token) for _ in range(ORDERS)]
                cluster.run_pg_ctl("restart", "-m", "immediate")
                orders += [place_order(shop, token) for _ in range(ORDERS)]
            orders += [place_order(shop, token) for _ in range(ORDERS)]  # nobody listens
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(TIMEOUT)
            let_time_pass(url)
        with receiving(port=port) as receiver, delivering(url):
            receivers.append(receiver)
            wait_until(lambda: let_time_pass(url) or len(read_subjects(receivers)) >= len(orders), 20)
    assert sorted(read_subjects(receivers).values()) == sorted(orders)
