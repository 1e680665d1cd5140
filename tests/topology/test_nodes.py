"""Two nodes of two workers each, one PostgreSQL, one Redis, and nginx in front if it is installed."""

import shutil

import pytest
import requests

from tests.conftest import PASSWORD, fresh_postgres
from tests.load import STOCK, build_order, build_shop, buying, count_left, count_sold, send_requests
from tests.nginx import start_nginx
from tests.running import post_json, serving
from tests.servers import find_free_port, start_redis

ADA = {"username": "ada", "password": PASSWORD}
WRONG = {"username": "grace", "password": "wrong-password"}


@pytest.fixture(scope="module")
def url(postgres):
    with fresh_postgres(postgres) as database_url:
        build_shop(database_url)
        yield database_url


@pytest.fixture
def stocked_shop(url):
    return build_shop(url)


@pytest.fixture(scope="module")
def nodes(url):
    port = find_free_port()
    shared = {"SHOP_REDIS_URL": f"redis://127.0.0.1:{port}/0", "SHOP_WORKERS": "2", "SHOP_THREADS": "4",
              "SHOP_TRUSTED_PROXY": "127.0.0.1", "SHOP_LOGIN_RATE_LIMIT": "5/minute"}  # fmt: skip
    with start_redis(port), serving(url, 2, **shared) as processes:
        yield processes


@pytest.fixture(scope="module")
def roots(nodes, tmp_path_factory):
    """The URLs that clients use: the proxy, or each node in turn if nginx is not installed."""
    if not shutil.which("nginx"):
        yield [node.root for node in nodes]
        return
    with start_nginx(tmp_path_factory.mktemp("nginx"), nodes) as front:
        yield [f"{front}/api/v1"]


def get_status(node, token):
    return requests.get(
        f"{node.root}/orders", headers={"Authorization": f"Bearer {token}"}, timeout=5
    ).status_code


def test_a_token_of_one_node_opens_the_other_until_it_is_given_back(nodes, stocked_shop):
    one, other = nodes
    token = requests.post(f"{one.root}/tokens", json=ADA, timeout=5).json()["access_token"]
    before = get_status(other, token)
    requests.delete(f"{other.root}/tokens/current", headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert (before, get_status(one, token)) == (200, 401)


def test_limits_are_counted_by_all_nodes_together(nodes, stocked_shop):
    answers = [requests.post(f"{nodes[n % 2].root}/tokens", json=WRONG, timeout=5) for n in range(8)]
    assert [each.status_code for each in answers] == [401] * 5 + [429] * 3


def test_a_key_is_one_order_on_all_nodes(nodes, stocked_shop):
    answers = [
        post_json(node.root, "/orders", build_order((1, 1)), stocked_shop.token, "one") for node in nodes * 2
    ]
    assert len({each.json()["id"] for each in answers}) == 1
    assert stocked_shop.read(count_sold) == {1: 1}


def test_ninety_attempts_on_fifty_sell_exactly_fifty(roots, stocked_shop):
    some = build_order((1, STOCK // 50))
    statuses = send_requests(
        roots, 90, lambda root, _: post_json(root, "/orders", some, stocked_shop.token).status_code
    )
    assert (statuses, stocked_shop.read(count_left), stocked_shop.read(count_sold)) == (
        {201: 50, 409: 40},
        {1: 0},
        {1: STOCK},
    )


def test_a_hundred_retries_of_one_key_at_once_make_one_order(roots, stocked_shop):
    one = build_order((1, 1))
    statuses = send_requests(
        roots, 100, lambda root, _: post_json(root, "/orders", one, stocked_shop.token, "one").status_code, 50
    )
    assert (statuses, stocked_shop.read(count_sold)) == ({201: 100}, {1: 1})


def test_a_node_that_dies_takes_no_order_with_it(nodes, roots, stocked_shop):
    with buying(roots, stocked_shop.token) as buyers:
        nodes[1].kill()
        assert buyers.can_buy()
        nodes[1].start()
        assert buyers.can_buy()
    assert buyers.find_flaws(stocked_shop, cut=len(roots) > 1) == []


def test_a_node_that_is_replaced_is_not_noticed(nodes, roots, stocked_shop):
    with buying(roots, stocked_shop.token) as buyers:
        for node in nodes:
            assert node.stop() == 0
            assert buyers.can_buy()
            node.start()
            assert requests.get(f"{node.home}/health/ready", timeout=30).status_code == 200
    assert buyers.find_flaws(stocked_shop, cut=len(roots) > 1) == []
    assert len(roots) > 1 or buyers.count_refused() == 0
