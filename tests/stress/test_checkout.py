"""Many checkouts at once, on several processes, and while a server is killed."""

import itertools
import threading
import time
from collections import Counter

import pytest
import requests
from sqlalchemy import text

from tests.load import build_order, count_left, count_sold, is_intact, send_requests
from tests.running import post_json, serving


@pytest.fixture
def token(customer):
    return customer.tokens["access_token"]


def test_fifty_buyers_of_the_last_one_on_four_processes(database_url, product, token, session):
    product(stock=1)
    with serving(database_url, 4) as shops:
        statuses = send_requests(
            [each.root for each in shops],
            50,
            lambda root, n: post_json(root, "/orders", build_order((1, 1)), token).status_code,
            50,
        )
    assert (statuses, count_left(session)) == ({201: 1, 409: 49}, {1: 0})


def test_ninety_attempts_on_fifty_sell_exactly_fifty(database_url, product, token, session):
    product(stock=50)
    with serving(database_url, 2) as shops:
        statuses = send_requests(
            [each.root for each in shops],
            90,
            lambda root, n: post_json(root, "/orders", build_order((1, 1)), token).status_code,
        )
    assert (statuses, count_left(session), count_sold(session)) == ({201: 50, 409: 40}, {1: 0}, {1: 50})


def test_a_thousand_checkouts_of_two_things_in_opposite_order(database_url, product, token, session):
    product("Desk", stock=1500), product("Lamp", stock=1500)
    both = build_order((1, 1), (2, 2)), build_order((2, 2), (1, 1))
    with serving(database_url, 2) as shops:
        statuses = send_requests(
            [each.root for each in shops],
            1000,
            lambda root, n: post_json(root, "/orders", both[n % 2], token).status_code,
            8,
        )
    assert (statuses, count_left(session), count_sold(session)) == (
        {201: 750, 409: 250},
        {1: 750, 2: 0},
        {1: 750, 2: 1500},
    )


def test_a_hundred_retries_of_one_key_at_once_make_one_order(database_url, product, token, session):
    product(stock=50)
    with serving(database_url, 2) as shops:
        statuses = send_requests(
            [each.root for each in shops],
            100,
            lambda root, n: post_json(root, "/orders", build_order((1, 1)), token, "one").status_code,
            100,
        )
    assert (statuses, count_sold(session)) == ({201: 100}, {1: 1})


SECONDS, CLIENTS = 15, 8


@pytest.mark.timeout(180)
def test_what_was_acknowledged_survives_a_server_that_is_killed_every_second(
    database_url, product, token, session
):
    """Clients retry under their keys until they have an answer; each acknowledged order exists exactly once."""
    product(stock=100_000)
    acknowledged, numbers, end = {}, itertools.count(), time.monotonic() + SECONDS
    with serving(database_url) as (shop,):

        def buy_until_over():
            while time.monotonic() < end:
                key = f"key-{next(numbers)}"
                while key not in acknowledged:
                    try:
                        answer = post_json(shop.root, "/orders", build_order((1, 1)), token, key)
                        if answer.status_code == 201:
                            acknowledged[key] = answer.json()["id"]
                    except requests.RequestException:
                        time.sleep(0.05)

        clients = [threading.Thread(target=buy_until_over) for _ in range(CLIENTS)]
        [client.start() for client in clients]
        while time.monotonic() < end - 1:
            time.sleep(1)
            shop.kill()
            shop.start()
        [client.join() for client in clients]
    orders = session.execute(text("SELECT id FROM orders")).scalars().all()
    assert len(acknowledged) > 50
    assert Counter(acknowledged.values()) == Counter(orders)
    assert count_left(session)[1] + count_sold(session)[1] == 100_000
    assert is_intact(session)
