"""Streams of events of a running server: they are live, take no threads and lose nothing."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
import requests

from shop.client import Client
from tests.listening import Listener
from tests.load import build_order, build_shop, wait_until
from tests.running import Process, post_json, serving

TIMEOUT = 8
STREAMS, THREADS = 200, 2
BACKENDS = ["sqlite", "postgresql"]


@pytest.fixture
def stocked_shop(database_url):
    return build_shop(database_url)


@pytest.fixture
def shop(stocked_shop) -> Iterator[Process]:
    with serving(stocked_shop.url, SHOP_THREADS=str(THREADS)) as (process,):
        yield process


@pytest.fixture
def token(stocked_shop) -> str:
    return stocked_shop.token


def buy(shop: Process, token: str) -> requests.Response:
    return post_json(shop.root, "/orders", build_order((1, 1)), token)


def read_until(sock: socket.socket, words: bytes) -> bytes:
    received = b""
    while words not in received:
        part = sock.recv(4096)
        assert part, received
        received += part
    return received


@contextmanager
def open_sockets(shop: Process, count: int) -> Iterator[list[socket.socket]]:
    sockets = [socket.create_connection(("127.0.0.1", shop.port), TIMEOUT) for _ in range(count)]
    try:
        for each in sockets:
            each.sendall(
                b"GET /api/v1/changes HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
            )
        for each in sockets:
            read_until(each, b"retry: ")
        yield sockets
    finally:
        for each in sockets:
            each.close()


def test_an_event_comes_when_it_happens(shop, token):
    listener = Listener(f"{shop.root}/changes")
    buy(shop, token)
    assert wait_until(lambda: [event["kind"] for event in listener.events] == ["stocked"])


def test_many_streams_take_no_thread_of_the_reads(shop, token):
    with open_sockets(shop, STREAMS) as sockets:
        assert requests.get(f"{shop.root}/products", timeout=TIMEOUT).ok
        buy(shop, token)
        assert all(read_until(each, b"event: stocked") for each in sockets)


def test_a_client_that_comes_again_misses_nothing_and_gets_nothing_twice(shop, token):
    first = Listener(f"{shop.root}/changes")
    buy(shop, token)
    assert wait_until(lambda: first.events)
    first.answer.close()
    last = first.list_cursors()[-1]
    for _ in range(3):
        buy(shop, token)
    second = Listener(f"{shop.root}/changes", **{"Last-Event-ID": str(last)})
    buy(shop, token)
    assert wait_until(lambda: second.list_cursors() == [last + 1, last + 2, last + 3, last + 4])


def test_orders_of_one_s_own_come_with_a_token(shop, token):
    listener = Listener(f"{shop.root}/orders", Authorization=f"Bearer {token}")
    placed = buy(shop, token).json()
    assert wait_until(lambda: [event["order_id"] for event in listener.events] == [placed["id"]])


def test_a_stream_ends_when_the_server_stops(stocked_shop):
    process = Process(stocked_shop.url).start()
    listener = Listener(f"{process.root}/changes")
    began = time.monotonic()
    code = process.stop()
    assert (code, wait_until(lambda: listener.has_ended), time.monotonic() - began < 6) == (0, True, True)


def test_a_client_that_reads_nothing_is_disconnected_and_harms_nobody(shop, token):
    """Its place is free again when the buffers of the system are full."""
    with open_sockets(shop, 1), open_sockets(shop, 1) as (other,):
        buy(shop, token)
        assert read_until(other, b"event: stocked")
        assert requests.get(f"{shop.root}/products", timeout=TIMEOUT).ok


def test_clients_that_leave_free_their_places(shop, token):
    for _ in range(4):
        with open_sockets(shop, STREAMS):
            pass
        buy(shop, token)
    with open_sockets(shop, STREAMS) as sockets:
        buy(shop, token)
        assert all(read_until(each, b"event: stocked") for each in sockets)


def test_a_second_request_on_the_connection_of_a_stream_is_not_mixed_with_its_events(shop, token):
    with open_sockets(shop, 1) as (sock,):
        sock.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        buy(shop, token)
        assert b"HTTP/1.1" not in read_until(sock, b"event: stocked")


def test_our_client_follows_the_stream_through_a_restart_of_the_server(stocked_shop, token):
    process = Process(stocked_shop.url).start()
    seen: list[int] = []

    def follow() -> None:
        for change in Client(process.home).changes(after=0):
            seen.append(change["seq"])

    Thread(target=follow, daemon=True).start()
    buy(process, token)
    assert wait_until(lambda: seen == [1])
    process.stop()
    again = Process(stocked_shop.url, port=process.port).start()
    buy(again, token)
    is_complete = wait_until(lambda: seen == [1, 2], 20)
    again.stop()
    assert is_complete
