"""The server: refused input, timeouts, shutdown and threads."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from waitress.buffers import OverflowableBuffer

from shop.serving.http_parser import ChunkReader
from tests.load import build_order, wait_until
from tests.running import Process, post_json, serving

BACKENDS = ["sqlite"]
TIMEOUT = 8
HOST = b"Host: shop.example\r\n"
GET = b"GET /health/live HTTP/1.1\r\n"
POST = b"POST /api/v1/tokens HTTP/1.1\r\n" + HOST
HIDDEN_REQUEST = GET + HOST + b"\r\n"


@pytest.fixture(scope="module")
def shop(migrated_app, database_url) -> Iterator[Process]:
    """A server with timeouts of about a second."""
    process = Process(database_url, module="tests.short_timeouts", settings={"SHOP_THREADS": "2"}).start()
    yield process
    process.stop()


@contextmanager
def connect(shop: Process) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", shop.port), TIMEOUT) as sock:
        yield sock


def read_to_end(sock: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    answer = b""
    try:
        while part := sock.recv(65536):
            answer += part
    except ConnectionResetError:
        pass
    return answer


def send_bytes(shop: Process, request: bytes) -> bytes:
    with connect(shop) as sock:
        sock.sendall(request)
        return read_to_end(sock)


# ---- Refused input ---------------------------------------------------------------------------------

CHUNKED = b"Transfer-Encoding: chunked\r\n"
AMBIGUOUS = {
    "no host": GET + b"\r\n",
    "two hosts": GET + HOST + HOST + b"\r\n",
    "two hosts that differ in case": GET + HOST + b"hOST: evil.example\r\n\r\n",
    "length and encoding": POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "encoding and length": POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "two encodings": POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n",
    "two encodings in one": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "the same length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
    "two lengths in one": POST + b"Content-Length: 5, 5\r\n\r\nabcde",
    "a length with a sign": POST + b"Content-Length: +5\r\n\r\nabcde",
    "a length without end": POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nabcde",
    "two hosts in one": GET + b"Host: shop.example, evil.example\r\n\r\n",
    "a host that is none": GET + b"Host: shop@evil.example\r\n\r\n",
    "an empty host": GET + b"Host:\r\n\r\n",
    "two types": POST + b"Content-Type: application/json\r\nContent-Type: text/plain\r\n\r\n",
    "a header in two lines": GET + HOST + b"X-A: b\r\n c\r\n\r\n",
    "a space before the colon": POST + b"Content-Length : 5\r\n\r\nabcde",
    "an encoding in HTTP/1.0": b"POST / HTTP/1.0\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "a version that is none": b"POST / HTTP/1.7\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n",
    "no version": b"GET /health/live\r\n\r\n",
    "bare line feeds": GET.replace(b"\r", b"") + HOST.replace(b"\r", b"") + b"\r\n\r\n",
    "a chunk that lies": POST + CHUNKED + b"\r\n3x\r\nabc\r\n0\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("request_", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_could_be_read_in_two_ways_is_refused_and_nothing_after_it_is_read(shop, request_):
    answer = send_bytes(shop, request_ + HIDDEN_REQUEST)
    assert (answer[8:12], answer.count(b"HTTP/1.")) == (b" 400", 1)


def test_an_encoding_that_nobody_knows_is_not_implemented(shop):
    assert (
        b" 501 "
        in send_bytes(shop, POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN_REQUEST)[:20]
    )


def test_a_refusal_is_a_problem_with_a_number(shop):
    head, _, body = send_bytes(shop, GET + b"\r\n").partition(b"\r\n\r\n")
    problem = json.loads(body)
    assert b"application/problem+json" in head
    assert problem.pop("request_id") in head.decode()
    assert problem == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "There is no Host header.",
    }


def test_headers_without_end_are_refused(shop):
    assert b" 431 " in send_bytes(shop, GET + b"X: " + b"a" * 40_000)[:20]


def test_a_body_that_is_refused_is_not_asked_for(shop):
    answer = send_bytes(shop, POST + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
    assert (b" 413 " in answer[:20], b"100 Continue" in answer) == (True, False)


def test_chunks_are_read_as_one_body(shop):
    request = (
        POST + CHUNKED + b"Content-Type: application/json\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    )
    assert b" 400 " in send_bytes(shop, request)[:20]
    assert b"/username" in send_bytes(shop, request)


BODY = POST + CHUNKED + b"Content-Type: application/json\r\n\r\n"
BAD_CHUNKS = {  # none of them is complete: they are refused before the rest arrives
    "a size of twenty digits": (b"1" * 20 + b"\r\n{", 400),
    "a size of too many digits that has not ended": (b"1" * 2000, 400),
    "a size above the limit of bodies": (b"FFFFFFFF\r\n{", 413),
    "a second chunk above it": (b"2\r\n{}\r\n800000\r\n{", 413),
    "a size with a sign": (b"-5\r\n{", 400),
    "a size with a prefix": (b"0x5\r\n{", 400),
    "no size": (b"\r\n2\r\n{}", 400),
    "a size that ends in a bare line feed": (b"2\n\r\n{}", 400),
    "an extension without end": (b"2;a=" + b"b" * 2000, 400),
    "a long extension": (b"2;a=" + b"b" * 2000 + b"\r\n{}", 400),
    "an extension that is none": (b"2;=\r\n{}", 400),
    "a trailer without end": (b"0\r\nA: " + b"b" * 2000, 400),
    "too many trailers": (b"0\r\n" + b"A: b\r\n" * 2000, 400),
    "a chunk that is longer than its size": (b"2\r\n{}{}\r\n", 400),
}


@pytest.mark.parametrize(("chunks", "status"), BAD_CHUNKS.values(), ids=BAD_CHUNKS)
def test_chunks_that_no_honest_client_sends_are_refused_at_once(shop, chunks, status):
    assert (
        send_bytes(shop, BODY + chunks)[9:12] == str(status).encode()
    )  # and not 408, the answer after a timeout


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_chunks_are_read_alike_however_they_arrive(size):
    buffer = OverflowableBuffer(100)
    reader, text = ChunkReader(buffer, 100), b'5;a=b\r\n{"a":\r\n02\r\n1}\r\n0\r\nA: b\r\n\r\nGET /'
    taken = sum(reader.received(text[n : n + size]) for n in range(0, len(text), size))
    assert (text[taken:], buffer.get(100), reader.completed, reader.error) == (
        b"GET /",
        b'{"a":1}',
        True,
        None,
    )


def test_http_1_0_needs_no_host(shop):
    assert b" 200 " in send_bytes(shop, b"GET /health/live HTTP/1.0\r\n\r\n")[:20]


def test_a_connection_serves_many_requests(shop):
    last = HIDDEN_REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert send_bytes(shop, HIDDEN_REQUEST * 3 + last).count(b"HTTP/1.1 200") == 4


# ---- Timeouts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "begun", [b"", GET, POST + b"Content-Length: 1000\r\n\r\n"], ids=["idle", "head", "body"]
)
def test_who_sends_a_byte_now_and_then_is_not_waited_for(shop, begun):
    with connect(shop) as sock:
        sock.sendall(begun)
        sock.settimeout(0.2)
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            try:
                if begun:
                    sock.sendall(b"X")
                if not sock.recv(100):
                    break
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                break
    assert time.monotonic() < end


def test_who_does_not_read_is_not_waited_for(shop):
    with connect(shop) as sock:
        sock.sendall((b"GET /static/swagger-ui/swagger-ui-bundle.js HTTP/1.1\r\n" + HOST + b"\r\n") * 9)
        assert wait_until(lambda: count_established(shop, sock) == 0)


def count_established(shop: Process, sock: socket.socket) -> int:
    """Count the established server ends of this connection: 1 or 0."""
    peer = f"{sock.getsockname()[1]:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        row[2].endswith(f":{peer}") and row[1].endswith(f":{shop.port:04X}") and row[3] == "01"
        for row in rows
    )


def test_fifteen_hundred_who_say_nothing_do_not_keep_others_waiting(migrated_app, database_url):
    with serving(database_url) as (shop,):
        idle = [socket.create_connection(("127.0.0.1", shop.port), TIMEOUT) for _ in range(1500)]
        began = time.monotonic()
        status = requests.get(f"{shop.home}/health/ready", timeout=TIMEOUT).status_code
        took = time.monotonic() - began
        [each.close() for each in idle]
    assert (status, took < 1) == (200, True)


@contextmanager
def hold_write_lock(session) -> Iterator[None]:
    """Hold the write lock, so that no other connection can write."""
    session.rollback()
    session.connection(execution_options={"sqlite_begin": "IMMEDIATE"})
    yield
    session.rollback()


def test_who_waited_too_long_for_a_thread_is_told_to_come_again(shop, session, customer, product):
    product()
    token, answers = customer.tokens["access_token"], []
    with hold_write_lock(session):
        threads = [
            threading.Thread(
                target=lambda: answers.append(post_json(shop.root, "/orders", build_order((1, 1)), token))
            )
            for _ in range(5)
        ]
        [thread.start() for thread in threads]
        assert wait_until(lambda: len(answers) == 5, 12)
    [thread.join() for thread in threads]
    assert [(each.status_code, "Retry-After" in each.headers) for each in answers] == [(503, True)] * 5
    assert "Too many requests are waiting." in {each.json()["detail"] for each in answers}


# ---- Shutdown --------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_that_is_told_to_stop_finishes_what_it_has_begun(
    workers, migrated_app, database_url, session, customer, product
):
    product()
    found = {}

    def buy():
        found["order"] = post_json(
            shop.root, "/orders", build_order((1, 1)), customer.tokens["access_token"]
        ).status_code

    with serving(database_url, SHOP_WORKERS=workers) as (shop,), requests.Session() as kept:
        kept.get(f"{shop.home}/health/ready", timeout=TIMEOUT)
        with hold_write_lock(session):
            buyer = threading.Thread(target=buy)
            buyer.start()
            time.sleep(0.5)
            shop.popen.send_signal(signal.SIGTERM)
            assert wait_until(lambda: is_refusing(shop))
            last = kept.get(f"{shop.home}/health/ready", timeout=TIMEOUT)
            found["kept"] = last.status_code, last.headers["Connection"]
        buyer.join()
        found["code"] = shop.popen.wait(TIMEOUT)
    assert found == {"order": 201, "kept": (503, "close"), "code": 0}


def test_a_server_that_is_told_to_stop_while_it_starts_ends_at_once(migrated_app, database_url):
    statuses = []
    for _ in range(3):  # it listens already while it is put together
        process = Process(database_url).start()
        process.popen.send_signal(signal.SIGTERM)
        statuses.append(process.popen.wait(10))
    assert statuses == [0, 0, 0]


def is_refusing(shop: Process) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", shop.port)) == 111


def test_a_worker_that_dies_is_replaced(migrated_app, database_url):
    with serving(database_url, SHOP_WORKERS="2") as (shop,):
        assert wait_until(lambda: len(shop.workers()) == 2)
        before = shop.workers()
        os.kill(before[0], signal.SIGKILL)
        assert wait_until(lambda: len(set(shop.workers()) - set(before)) == 1)


def test_workers_end_with_their_parent(migrated_app, database_url):
    with serving(database_url, SHOP_WORKERS="2") as (shop,):
        assert wait_until(lambda: len(shop.workers()) == 2)
        requests.get(f"{shop.home}/health/ready", timeout=TIMEOUT)
        shop.popen.kill()
        assert wait_until(lambda: is_refusing(shop))


def test_every_worker_has_the_same_accounts(migrated_app, database_url, customer):
    with serving(database_url, SHOP_WORKERS="3") as (shop,):
        me = f"{shop.root}/users/{customer.id}"
        statuses = {
            requests.get(me, headers=customer.headers, timeout=TIMEOUT).status_code for _ in range(12)
        }
    assert statuses == {200}


# ---- Threads ---------------------------------------------------------------------------------------


def measure_request(root: str, path: str) -> float:
    return requests.get(root + path, timeout=TIMEOUT).elapsed.total_seconds()


@pytest.fixture
def busy_server(migrated_app, database_url) -> Iterator[tuple[str, list[Future[float]]]]:
    """The URL of a server half of whose threads wait for changes, and these waits."""
    with serving(database_url, SHOP_THREADS="6") as (process,), ThreadPoolExecutor(3) as pool:
        yield process.root, [pool.submit(measure_request, process.root, "/changes?wait=3") for _ in range(3)]


def test_those_who_wait_keep_nobody_from_an_answer(busy_server):
    root, waiting = busy_server
    slowest = max(measure_request(root, "/products") for _ in range(30))
    assert (slowest < 1, min(each.result() for each in waiting) >= 3) == (True, True)


def test_as_many_are_at_work_as_have_to_wait(migrated_app, database_url):
    with serving(database_url, SHOP_THREADS="8") as (process,), ThreadPoolExecutor(4) as pool:
        began = time.monotonic()
        list(pool.map(lambda _: measure_request(process.root, "/changes?wait=2"), range(4)))
    assert time.monotonic() - began < 6
