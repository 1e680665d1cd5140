"""One POST: its deadline, its bounds, and what it does not follow."""

import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from shop.webhooks import sending
from shop.webhooks.sending import MAX_ANSWER, post
from tests.receivers import receiving

BODY = b"{}"


def send(url, seconds=1.0, **options):
    return post(url, {"webhook-id": "msg_1"}, BODY, seconds=seconds, **{"allow_private": True, **options})


@contextmanager
def speaking(speak):
    """A server that does something with each connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=speak, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def drip(first: bytes, part: bytes):
    def speak(connection):
        try:
            connection.sendall(first)
            while True:
                connection.sendall(part)
                time.sleep(0.02)
        except OSError:
            pass

    return speak


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_two_hundreds_are_success(status):
    with receiving(status) as receiver:
        outcome = send(receiver.url)
    assert (outcome.is_success, outcome.status, receiver.messages[0].body) == (True, status, BODY)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 410, 429, 500, 503])
def test_all_others_are_failures_and_redirects_are_not_followed(status):
    with receiving() as other, receiving(status, {"Location": other.url}) as receiver:
        outcome = send(receiver.url)
    assert (outcome.is_success, outcome.status, outcome.is_gone, other.messages) == (
        False,
        status,
        status == 410,
        [],
    )


@pytest.mark.parametrize(
    ("text", "seconds"), [("120", 120), ("0", 0), ("-1", None), ("soon", None), ("9" * 50, None)]
)
def test_a_pause_that_is_asked_for_is_read(text, seconds):
    with receiving(503, {"Retry-After": text}) as receiver:
        assert send(receiver.url).retry_after == seconds


def test_a_name_and_a_port_are_sent_as_the_url_has_them():
    with receiving() as receiver:
        send(receiver.url.replace("127.0.0.1", "localhost"))
    assert receiver.messages[0].headers["host"] == f"localhost:{receiver.server_port}"


@pytest.mark.parametrize(
    ("speak", "words"),
    [
        (lambda connection: time.sleep(5), "in time"),
        (drip(b"", b"H"), ""),
        (drip(b"HTTP/1.1 200 OK\r\nX: ", b"x"), "in time"),
        (drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), ""),
        (drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "in time"),
        (lambda connection: connection.close(), ""),
        (lambda connection: (connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"), connection.close()), ""),
        (lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 2 * MAX_ANSWER), "HTTP"),
    ],
    ids=["silent", "letters", "long-header", "many-headers", "continues", "closed", "ssh", "flood"],
)
def test_a_receiver_that_does_not_answer_properly_is_left_in_time(speak, words):
    with speaking(speak) as url:
        outcome = send(url, seconds=0.5)
    assert (outcome.status, words in outcome.error, outcome.seconds < 0.8) == (None, True, True)


def test_the_body_of_an_answer_is_not_read():
    with speaking(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x")) as url:
        outcome = send(url)
    assert (outcome.status, outcome.seconds < 0.5) == (200, True)


def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    with receiving() as receiver, receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        send(receiver.url)
    assert (len(receiver.messages), proxy.messages) == (1, [])


def test_nothing_listens_there():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}/").error == "The connection failed."


def test_without_the_permission_for_development_this_machine_is_not_reached():
    with receiving() as receiver:
        outcome = send(receiver.url, allow_private=False)
    assert (outcome.status, receiver.messages) == (None, [])


def test_a_name_that_changes_its_address_is_not_followed(monkeypatch):
    """The first answer is public and the next ones are this machine: only the first is used."""
    answers = iter([["8.8.8.8"]] + [["127.0.0.1"]] * 9)
    asked, connected = [], []

    def look_up(host, port, **_):
        asked.append(host)
        return [(None, None, None, "", (address, port)) for address in next(answers)]

    def connect(place, timeout):
        connected.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(sending.socket, "create_connection", connect)
    send("https://receiver.example/", allow_private=False)
    assert (asked, connected) == (["receiver.example"], [("8.8.8.8", 443)])


def test_the_next_address_is_tried_when_one_is_dead(monkeypatch):
    with receiving() as receiver:
        real = socket.getaddrinfo
        places = [(None, None, None, "", (host, 0)) for host in ("127.0.0.2", "127.0.0.1")]
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *_, **__: places if "." in host[-8:] and host[0] == "r" else real(host, *_, **__),
        )
        outcome = send(f"http://receiver.example:{receiver.server_port}/")
    assert outcome.is_success


class TestTLS:
    @pytest.fixture
    def certificate(self, tmp_path):
        """A certificate for localhost that no authority has signed."""
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
                   "-addext", "subjectAltName=DNS:localhost", "-keyout", tmp_path / "key", "-out", tmp_path / "pem"]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        return tmp_path / "pem", tmp_path / "key"

    @pytest.fixture
    def secure_receiver(self, certificate):
        with receiving() as receiver:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            receiver.socket = context.wrap_socket(receiver.socket, server_side=True)
            yield receiver

    def test_a_certificate_that_no_authority_has_signed_is_refused(self, secure_receiver):
        outcome = send(f"https://localhost:{secure_receiver.server_port}/")
        assert (outcome.status, "certificate" in outcome.error, secure_receiver.messages) == (None, True, [])

    @pytest.mark.parametrize(("host", "is_success"), [("localhost", True), ("127.0.0.1", False)])
    def test_a_certificate_is_for_the_name_and_not_for_the_address(
        self, secure_receiver, certificate, monkeypatch, host, is_success
    ):
        context = ssl.create_default_context(cafile=certificate[0])
        monkeypatch.setattr(sending, "get_tls_context", lambda: context)
        assert send(f"https://{host}:{secure_receiver.server_port}/").is_success == is_success

    def test_a_receiver_that_never_shakes_hands_is_left_in_time(self):
        with speaking(lambda connection: time.sleep(5)) as url:
            outcome = send(url.replace("http:", "https:"), seconds=0.3)
        assert (outcome.error, outcome.seconds < 0.6) == ("It did not answer in time.", True)
