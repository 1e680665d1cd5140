"""Redis is killed, frozen, flushed: the limits continue in each process, and orders are not affected."""

import signal

import pytest
import redis
import requests

from tests.load import buying, wait_until
from tests.running import serving
from tests.servers import find_free_port, start_redis

WRONG = {"username": "ada", "password": "wrong-password"}


@pytest.fixture
def redis_port():
    return find_free_port()


@pytest.fixture
def redis_process(redis_port):
    with start_redis(redis_port) as process:
        yield process


@pytest.fixture
def shop(sqlite_shop, redis_port):
    """A shop that refuses logins after five wrong passwords."""
    limits = {"SHOP_REDIS_URL": f"redis://127.0.0.1:{redis_port}/0", "SHOP_LOGIN_RATE_LIMIT": "5/minute"}
    with serving(sqlite_shop.url, **limits) as (process,):
        yield process


def count_wrong_logins(shop) -> int:
    """Return how many of nine wrong logins are answered with 401."""
    statuses = [requests.post(f"{shop.root}/tokens", json=WRONG, timeout=5).status_code for _ in range(9)]
    return statuses.count(401)


def test_a_redis_that_is_killed_costs_nobody_an_order(redis_process, shop, sqlite_shop):
    with buying([shop.root], sqlite_shop.token) as buyers:
        redis_process.kill()
        redis_process.wait()
        assert buyers.can_buy(3)
        assert count_wrong_logins(shop) == 5
    assert (buyers.find_flaws(sqlite_shop), buyers.count_refused(), buyers.slowest < 2) == ([], 0, True)


def test_a_redis_that_is_frozen_costs_nobody_an_order(redis_process, shop, sqlite_shop):
    with buying([shop.root], sqlite_shop.token) as buyers:
        redis_process.send_signal(signal.SIGSTOP)
        assert buyers.can_buy(5)
        assert count_wrong_logins(shop) == 5
        redis_process.send_signal(signal.SIGCONT)
        assert buyers.can_buy(3)
    assert (buyers.find_flaws(sqlite_shop), buyers.count_refused(), buyers.slowest < 3) == ([], 0, True)


def test_a_redis_that_is_flushed_forgets_who_was_refused_and_nothing_else(
    redis_process, shop, sqlite_shop, redis_port
):
    with buying([shop.root], sqlite_shop.token) as buyers:
        assert count_wrong_logins(shop) == 5
        with redis.Redis(port=redis_port) as client:
            client.flushall()
        assert count_wrong_logins(shop) == 5
        assert buyers.can_buy(3)
    assert (buyers.find_flaws(sqlite_shop), buyers.count_refused()) == ([], 0)


def test_limits_are_counted_in_redis_again_once_it_is_back(shop, redis_port):
    requests.get(shop.root, timeout=5)
    with start_redis(redis_port), redis.Redis(port=redis_port) as client:
        assert wait_until(lambda: requests.get(shop.root, timeout=5) and client.dbsize())
