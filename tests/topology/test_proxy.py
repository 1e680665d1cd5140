"""Behind nginx: whose address counts, what is too large, and who is too slow."""

import socket
import time

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.fronts import CONF, nginx
from tests.load import stage
from tests.running import serving

SPOOFED = {
    "X-Forwarded-For": "10.9.9.9", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "99", "X-Real-IP": "10.9.9.9",
    "Forwarded": 'for=10.9.9.9;host=evil.example;proto=https;by="[::1]"',
}  # fmt: skip
PATIENCE = 5


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop that answers each address three times a minute."""
    folder = tmp_path_factory.mktemp("proxied")
    scene = stage(f"sqlite:///{folder / 'shop.db'}")
    limits = {"SHOP_TRUSTED_PROXY": "127.0.0.1", "SHOP_RATE_LIMIT": "3/minute"}
    with serving(scene.url, **limits) as (process,):
        yield process


@pytest.fixture(scope="module")
def front(shop, tmp_path_factory):
    hasty = CONF.read_text().replace("timeout 10s", "timeout 1s")
    with nginx(tmp_path_factory.mktemp("nginx"), [shop], hasty) as url:
        yield url


class From(HTTPAdapter):
    """Requests from another address of this machine."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, source_address=(self.address, 0), **kwargs)


def asked(url: str, address: str, times: int, **headers: str) -> list[int]:
    with requests.Session() as session:
        session.mount("http://", From(address))
        return [session.get(f"{url}/", headers=headers, timeout=PATIENCE).status_code for _ in range(times)]


def test_each_client_of_a_proxy_is_counted_by_its_own_address(front):
    tries = [asked(front, address, 4) for address in ("127.0.1.1", "127.0.1.2")]
    assert tries == [[200, 200, 200, 429]] * 2


def test_what_a_client_claims_to_be_counts_for_nothing_behind_the_proxy(front):
    tries = [asked(front, "127.0.2.1", 1, **{**SPOOFED, "X-Forwarded-For": f"10.0.0.{n}"}) for n in range(4)]
    assert tries == [[200], [200], [200], [429]]


def test_what_a_client_claims_to_be_counts_for_nothing_beside_the_proxy(shop):
    tries = [
        asked(shop.home, "127.0.3.1", 1, **{**SPOOFED, "X-Forwarded-For": f"10.0.0.{n}"}) for n in range(4)
    ]
    assert tries == [[200], [200], [200], [429]]


@pytest.mark.parametrize("spoofed", [{}, SPOOFED], ids=["plain", "spoofed"])
def test_links_lead_through_the_proxy(front, spoofed):
    with requests.Session() as session:
        session.mount("http://", From("127.0.4.2" if spoofed else "127.0.4.1"))
        home = session.get(f"{front}/", headers=spoofed, timeout=PATIENCE).json()
    assert home["_links"]["products"]["href"] == f"{front}/api/v1/products"


def test_links_of_a_client_beside_the_proxy_lead_where_it_came(shop):
    with requests.Session() as session:
        session.mount("http://", From("127.0.5.1"))
        home = session.get(f"{shop.home}/", headers=SPOOFED, timeout=PATIENCE).json()
    assert home["_links"]["products"]["href"] == f"{shop.root}/products"


def test_what_is_too_large_is_a_problem_of_the_proxy(front):
    answer = requests.post(f"{front}/api/v1/tokens", data=b"a" * 2_000_000, timeout=PATIENCE)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")


@pytest.mark.parametrize(
    "begun", [b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"]
)
def test_who_is_too_slow_is_not_waited_for(front, begun):
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", int(front.rpartition(":")[2])), PATIENCE) as sock:
        sock.sendall(begun)
        try:
            said = sock.recv(100)
        except ConnectionResetError:
            said = b""
    assert (b" 200 " in said, time.monotonic() - began < PATIENCE) == (False, True)
