"""The response cache always gives the same answer as the handler would."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits.errors import StorageError
from sqlalchemy import text

from shop.hypermedia import response_cache
from tests.conftest import Person

PRODUCTS = "/api/v1/products"
VARYING_HEADERS = {"X-Request-ID", "RateLimit", "Date"}


@pytest.fixture
def product(staff: Person) -> str:
    return staff.post(PRODUCTS, {"name": "Kettle", "price": 5, "stock": 3}).json["_links"]["self"]["href"]


@pytest.fixture
def uncached_paths(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that the cache did not answer."""
    paths, handle_request = [], app.wsgi_app.plain

    def record_path(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        paths.append(environ["PATH_INFO"])
        return handle_request(environ, start)

    monkeypatch.setattr(app.wsgi_app, "plain", record_path)
    return paths


def get_stable_parts(answer: Any) -> tuple[int, bytes, set[tuple[str, str]]]:
    """Return the parts of a response that do not differ from request to request."""
    if answer.status_code == 404:
        return 404, b"", set()
    return (
        answer.status_code,
        answer.data,
        {each for each in answer.headers if each[0] not in VARYING_HEADERS},
    )


def test_what_was_asked_before_goes_the_short_way(
    client: FlaskClient, product: str, uncached_paths: list[str]
) -> None:
    client.get(product)
    client.get(product)
    assert len(uncached_paths) == 1


@pytest.mark.parametrize("path", ["/1", "", "?page=2&per_page=1", "?q=kett&sort=price", "?fields=name"])
@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/vnd.shop.v2+json", "application/prs.hal-forms+json"]
)
def test_both_ways_say_the_same(client: FlaskClient, product: str, path: str, accept: str) -> None:
    place, headers = f"/api/products{path}", {"Accept": accept}
    first, second = (get_stable_parts(client.get(place, headers=headers)) for _ in range(2))
    assert (second, first[0]) == (first, 200)


def test_both_ways_know_what_the_client_has(client: FlaskClient, product: str) -> None:
    tag = client.get(product).headers["ETag"]
    app = client.application
    short = get_stable_parts(client.get(product, headers={"If-None-Match": tag}))
    app.wsgi_app.known.clear()
    assert get_stable_parts(client.get(product, headers={"If-None-Match": tag})) == short
    assert short[0] == 304


@pytest.mark.parametrize("tag", ["W/{}", '"other", {}', "*"])
def test_validators_come_in_all_spellings(client: FlaskClient, product: str, tag: str) -> None:
    own = client.get(product).headers["ETag"]
    assert client.get(product, headers={"If-None-Match": tag.format(own)}).status_code == 304


def test_another_validator_brings_the_whole(client: FlaskClient, product: str) -> None:
    client.get(product)
    assert client.get(product, headers={"If-None-Match": '"7-7"'}).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE products SET price = 700",
        "UPDATE products SET name = 'Pot'",
        "UPDATE products SET retired_at = created_at",
        "DELETE FROM products",
    ],
)
@pytest.mark.parametrize("path", ["/1", "", "?q=kettle", "?sort=price&max_price=6"])
def test_a_change_made_by_anybody_is_seen_at_once(
    client: FlaskClient, app: Flask, product: str, path: str, change: str
) -> None:
    before = get_stable_parts(client.get(PRODUCTS + path))
    with app.app_context(), app.extensions["shop"].engine.begin() as connection:
        connection.execute(text("DELETE FROM changes"))
        connection.execute(text(change))
    after = get_stable_parts(client.get(PRODUCTS + path))
    app.wsgi_app.known.clear()
    assert (after != before, after) == (True, get_stable_parts(client.get(PRODUCTS + path)))


def test_a_new_product_is_in_the_list_at_once(client: FlaskClient, staff: Person, product: str) -> None:
    client.get(PRODUCTS)
    staff.post(PRODUCTS, {"name": "Pot", "price": 5, "stock": 3})
    assert client.get(PRODUCTS).json["total"] == 2


def test_who_has_a_token_never_gets_what_is_for_everybody(
    client: FlaskClient, staff: Person, product: str
) -> None:
    client.get(product)
    assert "delete" in staff.get(product).json["_links"]


def test_nobody_gets_what_was_for_one(client: FlaskClient, staff: Person, product: str) -> None:
    staff.get(product)
    assert "delete" not in client.get(product).json["_links"]


def test_links_stay_with_the_host_that_was_asked(client: FlaskClient, product: str) -> None:
    client.get("/api/v1/products/1", headers={"Host": "one.example"})
    answer = client.get("/api/v1/products/1", headers={"Host": "two.example"})
    assert answer.json["_links"]["self"]["href"].startswith("http://two.example/")


@pytest.mark.parametrize("name", ["If-None-Match", "User-Agent", "X-Request-ID"])
def test_a_long_header_is_refused_although_the_answer_is_known(
    client: FlaskClient, product: str, name: str
) -> None:
    client.get(product)
    assert client.get(product, headers={name: "x" * 5000}).status_code == 431


def test_it_counts_like_any_request(
    variant: Callable[..., Flask], app: Flask, staff: Person, product: str
) -> None:
    client = variant(rate_limit="3/minute").test_client()
    answers = [client.get(product) for _ in range(4)]
    answers_and_limits = [(each.status_code, each.headers["RateLimit"].split(";")[1]) for each in answers]
    assert answers_and_limits == [(200, "r=2"), (200, "r=1"), (200, "r=0"), (429, "r=0")]


def test_what_the_client_has_costs_nothing(
    variant: Callable[..., Flask], staff: Person, product: str
) -> None:
    client = variant(rate_limit="3/minute").test_client()
    tag = client.get(product).headers["ETag"]
    answers = [client.get(product, headers={"If-None-Match": tag}) for _ in range(9)]
    assert {each.headers["RateLimit"].split(";")[1] for each in answers} == {"r=2"}


def test_a_change_between_costs_one_request(
    variant: Callable[..., Flask], staff: Person, product: str
) -> None:
    client = variant(rate_limit="9/minute").test_client()
    client.get(product)
    staff.patch(product, {"price": 6})
    assert client.get(product).headers["RateLimit"].split(";")[1] == "r=7"


def test_it_has_a_number_and_a_line(
    variant: Callable[..., Flask], product: str, capsys: pytest.CaptureFixture[str]
) -> None:
    client = variant(log_level="INFO", log_format="json").test_client()
    for _ in range(2):
        client.get(product, headers={"X-Request-ID": "abcdefgh-1"})
    first, second = ({**json.loads(line), "at": 0, "ms": 0} for line in capsys.readouterr().err.splitlines())
    assert (second, second["request_id"], second["status"]) == (first, "abcdefgh-1", 200)


def test_a_database_that_is_gone_is_an_outage(
    client: FlaskClient, app: Flask, product: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get(product)
    known = app.wsgi_app.known
    driver = app.wsgi_app.engine.dialect.dbapi

    def fail(*_: Any) -> None:
        raise driver.OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(app.wsgi_app.engine.pool, "connect", fail)
    answer = client.get(product)
    assert (answer.status_code, answer.headers["Retry-After"], bool(known)) == (503, "2", True)


def test_nobody_waits_twice_for_a_connection(variant: Callable[..., Flask], product: str) -> None:
    app = variant(threads="1")
    client = app.test_client()
    client.get(product)
    with app.app_context(), ExitStack() as stack:
        engine = app.extensions["shop"].engine
        for _ in range(3):
            stack.enter_context(engine.connect())
        began = time.monotonic()
        answer = client.get(product)
    assert (answer.status_code, time.monotonic() - began < 5) == (503, True)


def test_a_table_that_is_not_there_is_no_outage(client: FlaskClient, app: Flask, product: str) -> None:
    client.get(product)
    engine = app.wsgi_app.engine
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE products RENAME TO goods"))
    try:
        assert client.get(product).status_code == 500
    finally:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE goods RENAME TO products"))


def test_what_is_left_is_not_said_while_the_store_of_the_limits_is_gone(
    client: FlaskClient, app: Flask, product: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get(product)

    def fail(*_: Any) -> None:
        raise StorageError(OSError())

    monkeypatch.setattr(app.wsgi_app.common.guard.limiter, "get_window_stats", fail)
    answer = client.get(product)
    assert (answer.status_code, "RateLimit" in answer.headers) == (200, False)


def test_it_forgets_before_it_takes_too_much_room(
    client: FlaskClient, app: Flask, product: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_cache, "MAX_BYTES", 50_000)
    for number in range(100):
        client.get(f"{PRODUCTS}?max_price={number}")
    assert len(app.wsgi_app.known) < 12


NAMES = st.sampled_from(["red pot", "blue pot", "red pan", "lid"])
WRITES = st.one_of(
    st.tuples(st.just("create"), NAMES, st.integers(0, 9)),
    st.tuples(st.just("patch"), st.integers(1, 4), st.integers(0, 9)),
    st.tuples(st.just("restock"), st.integers(1, 4), st.integers(-3, 3).filter(bool)),
    st.tuples(st.just("delete"), st.integers(1, 4), st.none()),
)
QUERIES = [
    "/1",
    "/2",
    "",
    "?per_page=2&page=2",
    "?q=pot",
    "?sort=price&order=desc",
    "?in_stock=true",
    "?max_price=5",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(st.lists(WRITES, min_size=1, max_size=8))
def test_after_any_changes_both_ways_say_the_same(staff: Person, app: Flask, writes: list[Any]) -> None:
    client = app.test_client()
    for move, what, value in writes:
        if move == "create":
            staff.post(PRODUCTS, {"name": what, "price": value, "stock": value})
        elif move == "patch":
            staff.patch(f"{PRODUCTS}/{what}", {"price": value})
        elif move == "restock":
            staff.post(f"{PRODUCTS}/{what}/restock", {"amount": value})
        else:
            staff.delete(f"{PRODUCTS}/{what}")
        short = [get_stable_parts(client.get(PRODUCTS + place)) for place in QUERIES]
        app.wsgi_app.known.clear()
        assert [get_stable_parts(client.get(PRODUCTS + place)) for place in QUERIES] == short


def test_threads_that_read_while_others_write_see_no_step_back(
    client: FlaskClient, app: Flask, staff: Person, product: str
) -> None:
    done, seen = threading.Event(), []

    def read_prices() -> None:
        reader, mine = app.test_client(), []
        while not done.is_set():
            mine.append(reader.get(product).json["price"])
        seen.append(mine)

    readers = [threading.Thread(target=read_prices) for _ in range(3)]
    for each in readers:
        each.start()
    for price in range(6, 40):
        staff.patch(product, {"price": price})
        assert client.get(product).json["price"] == price
    done.set()
    for each in readers:
        each.join()
    assert all(mine == sorted(mine) for mine in seen)
