"""No stale answers: the next read of one process sees what another process has written."""

import pytest
import requests

from tests.conftest import enroll_user, fresh_postgres
from tests.load import build_shop
from tests.running import TIMEOUT, serving

ROUNDS = 8


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'shop.db'}"
    else:
        with fresh_postgres(request.getfixturevalue("postgres")) as database_url:
            yield database_url


class Reader:
    """A client that sends its requests to one process over one connection and keeps the ETags."""

    def __init__(self, root, token=None):
        self.root, self.session, self.tags = root, requests.Session(), {}
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path):
        validators = {"If-None-Match": self.tags[path]} if path in self.tags else {}
        answer = self.session.get(self.root + path, headers=validators, timeout=TIMEOUT)
        self.tags[path] = answer.headers["ETag"]
        return answer

    def total(self, path):
        return self.session.get(self.root + path, timeout=TIMEOUT).json()["total"]


class Writer:
    def __init__(self, root, token):
        self.root, self.session = root, requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def __call__(self, method, path, **words):
        answer = self.session.request(method, self.root + path, json=words, timeout=TIMEOUT)
        assert answer.ok, answer.text
        return answer


def write_and_read(writer, reader, number):
    """Add, change and retire a product with the writer; return what the reader gets after each step."""
    name, seen = f"cabinet no{number:05}x", []
    before = reader.total("/products")
    path = f"/products/{writer('POST', '/products', name=name, price=5, stock=1).json()['id']}"
    seen += [reader.total("/products") - before, reader.total(f"/products?q=no{number:05}x")]
    seen += [reader.get(path).json()["price"], reader.get(path).status_code]
    writer("PATCH", path, price=7, name=f"{name} mended")
    seen += [reader.get(path).json()["price"], reader.total(f"/products?q={number:05}x+mended")]
    seen += [reader.total(f"/products?q=no{number:05}x&min_price=6&sort=price")]
    writer("DELETE", path)
    seen += [reader.session.get(reader.root + path, timeout=TIMEOUT).status_code]
    return [*seen, reader.total("/products") - before, reader.total(f"/products?q=no{number:05}x")]


@pytest.mark.parametrize("role", [None, "customer", "staff"])
def test_a_write_on_one_process_is_what_the_next_read_on_the_other_says(url, role):
    app = build_shop(url).app
    token = enroll_user(app, "grace", "staff")[1]["access_token"]
    readers_token = role and enroll_user(app, "bob", role)[1]["access_token"]
    with serving(url, 2) as (one, other):
        pairs = [
            (Writer(writing_node.root, token), Reader(reading_node.root, readers_token))
            for writing_node, reading_node in ((one, other), (other, one))
        ]
        for number in range(ROUNDS):
            assert write_and_read(*pairs[number % 2], number) == [1, 1, 5, 304, 7, 1, 1, 404, 0, 0]


def test_a_log_out_and_a_role_count_at_once_on_the_other_process(url):
    app = build_shop(url).app
    staff = enroll_user(app, "grace", "staff")[1]["access_token"]
    id, tokens = enroll_user(app, "bob", "customer")
    with serving(url, 2) as (one, other):
        writer, reader = Writer(one.root, staff), Reader(other.root, tokens["access_token"])
        for _ in range(2):  # the second answer comes from the cache
            assert "users" not in reader.session.get(other.root, timeout=TIMEOUT).json()["_links"]
        writer("POST", f"/users/{id}/promote")
        assert "users" in reader.session.get(other.root, timeout=TIMEOUT).json()["_links"]
        Writer(one.root, tokens["access_token"])("DELETE", "/tokens/current")
        assert reader.session.get(other.root, timeout=TIMEOUT).status_code == 401
