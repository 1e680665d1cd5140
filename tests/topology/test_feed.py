"""The feed through every door at once: each reader gets each change once and in order, despite cut connections."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest
import requests

from examples.grpc_client import ProductClient
from shop.client import Client
from tests.conftest import enroll_user, fresh_postgres
from tests.grpc_client import serving_grpc
from tests.load import STOCK, build_shop, wait_until
from tests.running import TIMEOUT, post_json, serving
from tests.test_feed import COMMITS, start_writer

WRITERS, CUT = 3, 40
QUERY = """query ($after: String!) { changes(after: $after, first: 7) {
  nodes { seq productId stock } pageInfo { endCursor } } }"""


@pytest.fixture(params=["sqlite", "postgresql"])
def stocked_shop(request, tmp_path):
    if request.param == "sqlite":
        yield build_shop(f"sqlite:///{tmp_path / 'shop.db'}")
    else:
        with fresh_postgres(request.getfixturevalue("postgres")) as made:
            yield build_shop(made)


@pytest.fixture
def staff_login(stocked_shop):
    id, tokens = enroll_user(stocked_shop.app, "grace", "staff")
    return id, tokens["access_token"]


def read_by_rest(root, cursor):
    with Client(root) as client:
        for change in client.changes(cursor, wait=5):
            yield change["seq"], change["product_id"], change["stock"]


def read_by_graphql(root, cursor):
    after, address = str(cursor), root.replace("/api/v1", "/graphql")
    while True:
        words = {"query": QUERY, "variables": {"after": after}}
        found = requests.post(address, json=words, timeout=TIMEOUT).json()["data"]["changes"]
        after = found["pageInfo"]["endCursor"]
        for each in found["nodes"]:
            yield int(each["seq"]), int(each["productId"].partition(":")[2]), each["stock"]


def read_by_grpc(address, cursor):
    for each in ProductClient(address).watch(cursor):
        if each.HasField("change"):
            yield each.cursor, each.change.product_id, each.change.stock


def read_with_cuts(door, address, count):
    """Read this many changes; after CUT changes, connect again and continue after the last one."""
    seen = []
    while len(seen) < count:
        cursor = seen[-1][0] if seen else 0
        seen += islice(door(address, cursor), min(CUT, count - len(seen)))
    return seen


def group_stocks(seen):
    found = defaultdict(list)
    for _, product, stock in seen:
        found[product].append(stock)
    return found


def test_every_reader_gets_every_change_once_and_in_order(stocked_shop, staff_login):
    staff, _ = staff_login
    with serving(stocked_shop.url, 2) as (one, other), serving_grpc(stocked_shop.url) as grpc_server:
        address = f"127.0.0.1:{grpc_server.port}"
        doors = [
            (read_by_rest, one.root),
            (read_by_rest, other.root),
            (read_by_graphql, one.root),
            (read_by_grpc, address),
            (read_by_grpc, address),
        ]
        with ThreadPoolExecutor(len(doors)) as pool:
            readers = [pool.submit(read_with_cuts, *door, WRITERS * COMMITS) for door in doors]
            ended = [
                each.wait(TIMEOUT)
                for each in [start_writer(stocked_shop.url, staff, 1) for _ in range(WRITERS)]
            ]
            found = [group_stocks(each.result(TIMEOUT)) for each in readers]
    every = {1: [STOCK + number for number in range(1, WRITERS * COMMITS + 1)]}
    assert (ended, found) == ([0] * WRITERS, [every] * len(doors))


def test_a_client_outlives_the_server_and_misses_nothing(stocked_shop, staff_login):
    _, token = staff_login
    with serving(stocked_shop.url) as (node,), Client(node.root) as client:
        changes, seen = client.changes(0, wait=5), []
        for number in range(3):
            post_json(node.root, "/products/1/restock", {"amount": 1}, token)
            seen.append(next(changes)["stock"])
            if number < 2:
                node.kill()
                node.start()
    assert seen == [STOCK + number for number in (1, 2, 3)]


def test_who_waits_and_goes_leaves_room_for_the_next(stocked_shop):
    with serving(stocked_shop.url, SHOP_THREADS="2") as (node,):
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{node.root}/changes?wait=25", timeout=0.3)
        assert wait_until(
            lambda: "Retry-After" not in requests.get(f"{node.root}/changes?wait=1", timeout=5).headers
        )
