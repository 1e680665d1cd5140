"""Thousands of anonymous requests, all different: the memory of the server stays flat."""

import itertools
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest
import requests

from tests.load import build_shop
from tests.running import Process, serving

WARM_UP, MEASURED = 1500, 1500  # numbers of requests of each kind; caches fill up in the first
HASH_MIB = 19  # of hashing one password
TOLERANCE_MIB = 3  # growth that is no leak

SendRequest = Callable[[HTTPConnection, int], None]


def get(connection: HTTPConnection, path: str, **headers: str) -> None:
    named_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers={"Host": "127.0.0.1", **named_headers})
    connection.getresponse().read()


def post(connection: HTTPConnection, path: str, body: object) -> None:
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    connection.getresponse().read()


HAL_FORMS = "application/prs.hal-forms+json"
REQUESTS: dict[str, SendRequest] = {
    "refusals": lambda client, n: get(client, f"/api/v1/orders?per_page={n % 99 + 1}"),
    "forms": lambda client, n: get(client, "/", Accept=HAL_FORMS),
    "urls": lambda client, n: get(client, f"/api/v1/nowhere/{n}"),
    "types": lambda client, n: get(client, "/", Accept=f"application/x-{n}, */*;q=0.5"),
    "tokens": lambda client, n: get(client, "/", Authorization=f"Bearer a.b{n}.c"),
    "hosts": lambda client, n: get(client, "/", Host=f"shop{n}.example"),
    "queries": lambda client, n: get(client, f"/api/v1/products?min_price={n}&fields=name,price"),
    "words": lambda client, n: get(client, f"/api/v1/products?q=word{n}"),
    "graphql": lambda client, n: post(client, "/graphql", {"query": f"{{ a{n}: shop {{ name }} }}"}),
}


def read_memory(process: Process) -> float:
    """Return the anonymous memory of the server in MiB."""
    lines = Path(f"/proc/{process.popen.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    stocked_shop = build_shop(f"sqlite:///{tmp_path_factory.mktemp('memory') / 'shop.db'}")
    with serving(stocked_shop.url) as (process,):
        fill_response_cache(process)
        yield process


def fill_response_cache(process: Process) -> None:
    """Fill the response cache, which is large but bounded, so that it is not mistaken for a leak."""
    client = HTTPConnection("127.0.0.1", process.port, timeout=30)
    for number in range(2200):
        get(client, f"/api/v1/products?max_price={number}")


@pytest.mark.parametrize("kind", REQUESTS)
def test_memory_stays_flat(server: Process, kind: str) -> None:
    client, numbers = HTTPConnection("127.0.0.1", server.port, timeout=30), itertools.count()
    for number in itertools.islice(numbers, WARM_UP):
        REQUESTS[kind](client, number)
    before = read_memory(server)
    for number in itertools.islice(numbers, MEASURED):
        REQUESTS[kind](client, number)
    assert read_memory(server) - before < TOLERANCE_MIB


def test_logins_on_all_threads_leave_the_memory_of_no_hash(tmp_path: Path) -> None:
    stocked_shop = build_shop(f"sqlite:///{tmp_path / 'shop.db'}")
    with serving(stocked_shop.url, SHOP_LOGIN_RATE_LIMIT="1000000/second", SHOP_THREADS="12") as (process,):
        body = {"username": "ada", "password": "wrong-password"}
        before = read_memory(process)
        with ThreadPoolExecutor(12) as clients:
            for _ in range(60):
                clients.submit(lambda: requests.post(f"{process.root}/tokens", json=body, timeout=10))
        assert read_memory(process) - before < HASH_MIB
