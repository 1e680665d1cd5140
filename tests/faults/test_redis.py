"""Redis killed, frozen, flushed: limits go on in each process, and orders never notice."""

import signal

import pytest
import redis
import requests

from tests.load import buying, wait_until
from tests.running import serving
from tests.servers import find_free_port, start_redis

WRONG = {"username": "ada", "password": "wrong-password"}


@pytest.fixture
def port():
    return find_free_port()


@pytest.fixture
def store(port):
    with start_redis(port) as process:
        yield process


@pytest.fixture
def shop(sqlite_shop, port):
    """A shop that lets nobody in after five wrong passwords."""
    limits = {"SHOP_REDIS_URL": f"redis://127.0.0.1:{port}/0", "SHOP_LOGIN_RATE_LIMIT": "5/minute"}
    with serving(sqlite_shop.url, **limits) as (process,):
        yield process


def wrong_logins(shop) -> int:
    """How many there may be."""
    statuses = [requests.post(f"{shop.root}/tokens", json=WRONG, timeout=5).status_code for _ in range(9)]
    return statuses.count(401)


def test_a_redis_that_is_killed_costs_nobody_an_order(store, shop, sqlite_shop):
    with buying([shop.root], sqlite_shop.token) as buyers:
        store.kill()
        store.wait()
        assert buyers.can_buy(3)
        assert wrong_logins(shop) == 5
    assert (buyers.find_flaws(sqlite_shop), buyers.count_refused(), buyers.slowest < 2) == ([], 0, True)


def test_a_redis_that_is_frozen_costs_nobody_an_order(store, shop, sqlite_shop):
    with buying([shop.root], sqlite_shop.token) as buyers:
        store.send_signal(signal.SIGSTOP)
        assert buyers.can_buy(5)
        assert wrong_logins(shop) == 5
        store.send_signal(signal.SIGCONT)
        assert buyers.can_buy(3)
    assert (buyers.find_flaws(sqlite_shop), buyers.count_refused(), buyers.slowest < 3) == ([], 0, True)


def test_a_redis_that_is_flushed_forgets_who_was_refused_and_nothing_else(store, shop, sqlite_shop, port):
    with buying([shop.root], sqlite_shop.token) as buyers:
        assert wrong_logins(shop) == 5
        with redis.Redis(port=port) as client:
            client.flushall()
        assert wrong_logins(shop) == 5
        assert buyers.can_buy(3)
    assert (buyers.find_flaws(sqlite_shop), buyers.count_refused()) == ([], 0)


def test_limits_are_counted_in_redis_again_once_it_is_back(shop, port):
    requests.get(shop.root, timeout=5)
    with start_redis(port), redis.Redis(port=port) as client:
        assert wait_until(lambda: requests.get(shop.root, timeout=5) and client.dbsize())
