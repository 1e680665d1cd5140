"""Behind nginx: client addresses, large requests and slow clients."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.load import build_shop
from tests.nginx import CONF, start_nginx
from tests.running import serving

SPOOFED = {
    "X-Forwarded-For": "10.9.9.9", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "99", "X-Real-IP": "10.9.9.9",
    "Forwarded": 'for=10.9.9.9;host=evil.example;proto=https;by="[::1]"',
}  # fmt: skip
TIMEOUT = 5


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop with a rate limit of three requests per minute for each address."""
    folder = tmp_path_factory.mktemp("proxied")
    stocked_shop = build_shop(f"sqlite:///{folder / 'shop.db'}")
    limits = {"SHOP_TRUSTED_PROXY": "127.0.0.1", "SHOP_RATE_LIMIT": "3/minute"}
    with serving(stocked_shop.url, **limits) as (process,):
        yield process


@pytest.fixture(scope="module")
def fast_proxy(shop, tmp_path_factory):
    configuration = re.sub(r"timeout (5|10)s", "timeout 1s", CONF.read_text())
    configuration = configuration.replace("rate=50r/s", "rate=1r/s").replace("burst=200", "burst=10")
    with start_nginx(tmp_path_factory.mktemp("nginx"), [shop], configuration) as url:
        yield url


class SourceAddressAdapter(HTTPAdapter):
    """Sends requests from another address of this machine."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, source_address=(self.address, 0), **kwargs)


def get_statuses(url: str, address: str, times: int, **headers: str) -> list[int]:
    with requests.Session() as session:
        session.mount("http://", SourceAddressAdapter(address))
        return [session.get(f"{url}/", headers=headers, timeout=TIMEOUT).status_code for _ in range(times)]


def test_each_client_of_a_proxy_is_counted_by_its_own_address(fast_proxy):
    tries = [get_statuses(fast_proxy, address, 4) for address in ("127.0.1.1", "127.0.1.2")]
    assert tries == [[200, 200, 200, 429]] * 2


def test_what_a_client_claims_to_be_counts_for_nothing_behind_the_proxy(fast_proxy):
    tries = [
        get_statuses(fast_proxy, "127.0.2.1", 1, **{**SPOOFED, "X-Forwarded-For": f"10.0.0.{n}"})
        for n in range(4)
    ]
    assert tries == [[200], [200], [200], [429]]


def test_what_a_client_claims_to_be_counts_for_nothing_beside_the_proxy(shop):
    tries = [
        get_statuses(shop.home, "127.0.3.1", 1, **{**SPOOFED, "X-Forwarded-For": f"10.0.0.{n}"})
        for n in range(4)
    ]
    assert tries == [[200], [200], [200], [429]]


@pytest.mark.parametrize("spoofed", [{}, SPOOFED], ids=["plain", "spoofed"])
def test_links_lead_through_the_proxy(fast_proxy, spoofed):
    with requests.Session() as session:
        session.mount("http://", SourceAddressAdapter("127.0.4.2" if spoofed else "127.0.4.1"))
        home = session.get(f"{fast_proxy}/", headers=spoofed, timeout=TIMEOUT).json()
    assert home["_links"]["products"]["href"] == f"{fast_proxy}/api/v1/products"


def test_links_of_a_client_beside_the_proxy_lead_where_it_came(shop):
    with requests.Session() as session:
        session.mount("http://", SourceAddressAdapter("127.0.5.1"))
        home = session.get(f"{shop.home}/", headers=SPOOFED, timeout=TIMEOUT).json()
    assert home["_links"]["products"]["href"] == f"{shop.root}/products"


def test_what_is_too_large_is_a_problem_of_the_proxy(fast_proxy):
    answer = requests.post(f"{fast_proxy}/api/v1/tokens", data=b"a" * 2_000_000, timeout=TIMEOUT)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")


@pytest.mark.parametrize(
    "begun", [b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"]
)
def test_who_is_too_slow_is_not_waited_for(fast_proxy, begun):
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", int(fast_proxy.rpartition(":")[2])), TIMEOUT) as sock:
        sock.sendall(begun)
        try:
            answer = sock.recv(100)
        except ConnectionResetError:
            answer = b""
    assert (b" 200 " in answer, time.monotonic() - began < TIMEOUT) == (False, True)


@pytest.fixture(scope="module")
def deployed_proxy(shop, tmp_path_factory):
    """The proxy with the timeouts of deploy/."""
    with start_nginx(tmp_path_factory.mktemp("nginx"), [shop]) as url:
        yield url


@contextmanager
def open_slow_requests(url: str, address: str, count: int) -> Iterator[list[socket.socket]]:
    """Open connections that send a head and only the first byte of the body."""
    head = b"POST /api/v1/tokens HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{"
    server = ("127.0.0.1", int(url.rpartition(":")[2]))
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            sock = stack.enter_context(socket.create_connection(server, TIMEOUT, (address, 0)))
            sock.sendall(head)
            opened.append(sock)
        yield opened


def read_answer(sock: socket.socket, seconds: float) -> bytes:
    """Return what the server sends within these seconds, which may be nothing."""
    sock.settimeout(seconds)
    try:
        return sock.recv(2000)
    except (TimeoutError, ConnectionResetError):
        return b""


def test_slow_bodies_of_one_address_take_no_more_than_its_places(deployed_proxy):
    with open_slow_requests(deployed_proxy, "127.0.6.1", 300) as opened:
        time.sleep(0.5)
        refused = [answer for answer in (read_answer(sock, 0.01) for sock in opened) if answer]
    assert len(refused) == 200
    assert {re.search(rb" (\d{3}) ", answer)[1] for answer in refused} == {b"429"}


def test_one_address_too_many_is_a_problem_that_says_when_to_come_back(deployed_proxy):
    with open_slow_requests(deployed_proxy, "127.0.6.2", 110) as opened:
        answer = read_answer(opened[-1], TIMEOUT)
    assert (b"Retry-After: 1" in answer, b"application/problem+json" in answer) == (True, True)


def test_slow_bodies_of_one_address_delay_no_other(deployed_proxy):
    with open_slow_requests(deployed_proxy, "127.0.6.3", 300):
        began = time.monotonic()
        answers = [get_statuses(deployed_proxy, f"127.0.7.{number}", 3) for number in range(1, 11)]
        seconds = time.monotonic() - began
    assert (answers, seconds < TIMEOUT) == ([[200] * 3] * 10, True)


def test_a_body_that_trickles_is_given_up_as_a_whole(deployed_proxy):
    began = time.monotonic()
    with open_slow_requests(deployed_proxy, "127.0.6.4", 1) as (sock,):
        while time.monotonic() - began < 30 and not (answer := read_answer(sock, 1)):
            sock.sendall(b" ")
    assert (b" 408 " in answer, time.monotonic() - began < 20) == (True, True)


def test_a_flood_of_one_address_is_refused_by_the_proxy(fast_proxy):
    with requests.Session() as session:
        session.mount("http://", SourceAddressAdapter("127.0.6.5"))
        answers = [session.get(f"{fast_proxy}/health/live", timeout=TIMEOUT) for _ in range(30)]
    assert [each.status_code for each in answers[:11]] == [
        200
    ] * 11  # the shop itself does not limit health checks
    refused = {(each.status_code, each.headers["Retry-After"]) for each in answers if each.status_code != 200}
    assert refused == {(429, "1")}
