"""Answers to callers with a token come from the cache too: never stale, and never those of another account."""

import gzip
import json
from collections.abc import Callable
from secrets import token_hex
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from shop.hypermedia import response_cache
from shop.hypermedia.fragments import FragmentCache
from tests.conftest import Person

BACKENDS = ["sqlite", "postgresql"]
PRODUCTS = "/api/v1/products"
OWN_HEADERS = {"X-Request-ID", "RateLimit", "RateLimit-Policy", "Date"}
FORMS = "application/prs.hal-forms+json"


@pytest.fixture
def product(staff: Person) -> str:
    return staff.post(PRODUCTS, {"name": "Kettle", "price": 5, "stock": 9}).json["_links"]["self"]["href"]


@pytest.fixture
def order(customer: Person, product: str) -> str:
    return customer.post(f"{product}/buy", {"quantity": 1}).headers["Location"]


@pytest.fixture
def uncached_paths(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that the cache did not answer."""
    paths, handle_request = [], app.wsgi_app.plain

    def record_path(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        paths.append(environ["PATH_INFO"])
        return handle_request(environ, start)

    monkeypatch.setattr(app.wsgi_app, "plain", record_path)
    return paths


@pytest.fixture
def plain_client(app: Flask, variant: Callable[..., Flask]) -> FlaskClient:
    """A client of the same shop, in a process that caches nothing."""
    plain = variant()
    plain.wsgi_app = plain.wsgi_app.plain
    plain.extensions["shop"].fragments = UselessFragments()
    return plain.test_client()


class UselessFragments(FragmentCache):
    def keep(self, *_: Any) -> None: ...


def change(app: Flask, statement: str) -> None:
    with app.app_context(), app.extensions["shop"].engine.begin() as connection:
        connection.execute(text(statement))


def test_a_list_is_shared_by_callers_of_the_same_role(person, product, uncached_paths) -> None:
    ada, bob = person("ada"), person("bob")
    for caller in (ada, bob):
        caller.get(f"{PRODUCTS}?page=1")
    ada.get(PRODUCTS)
    del uncached_paths[:]
    assert (bob.get(PRODUCTS).status_code, uncached_paths) == (200, [])


def test_an_own_order_is_not_made_twice(customer, order, uncached_paths) -> None:
    first, second = customer.get(order), customer.get(order)
    assert (second.data, len(uncached_paths)) == (first.data, 1)


def test_an_order_stays_hidden_from_others(person, customer, order) -> None:
    customer.get(order)
    bob = person("bob")
    assert [bob.get(order).status_code for _ in range(3)] == [404] * 3


def test_what_staff_see_is_not_what_customers_see(staff, customer, product) -> None:
    answers = [each.get(product).json["_links"] for each in (staff, customer, staff, customer)]
    assert ["delete" in links for links in answers] == [True, False, True, False]


def test_forms_of_two_customers_have_keys_of_their_own(person, product) -> None:
    people = [person("ada"), person("bob")]
    pages = [each.get(PRODUCTS, headers={"Accept": FORMS}).json for each in people * 2]
    keys = [page["_embedded"]["item"][0]["_templates"]["buy"]["properties"][-1]["value"] for page in pages]
    assert (keys[:2], len(set(keys))) == (keys[2:], 2)


def test_a_log_out_counts_at_once(customer, product) -> None:
    assert [customer.get(product).status_code for _ in range(2)] == [200, 200]
    customer.delete("/api/v1/tokens/current")
    assert customer.get(product).status_code == 401


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("UPDATE users SET disabled = TRUE WHERE username = 'ada'", 401),
        ("UPDATE users SET token_epoch = token_epoch + 1 WHERE username = 'ada'", 401),
        ("DELETE FROM logins", 401),
        ("UPDATE users SET role = 'staff' WHERE username = 'ada'", 200),
    ],
)
def test_a_change_of_the_account_counts_at_once(app, customer, product, statement, status) -> None:
    before = [customer.get(product) for _ in range(2)][1]
    change(app, statement)
    after = customer.get(product)
    assert (after.status_code, "delete" in before.json["_links"]) == (status, False)
    assert status == 401 or "delete" in after.json["_links"]


def test_a_new_role_counts_wherever_it_was_seen_first(app, customer, product) -> None:
    home = [customer.get("/").json["_links"]["me"]["title"] for _ in range(2)][1]
    change(app, "UPDATE users SET role = 'staff' WHERE username = 'ada'")
    customer.get(product)
    assert [home, customer.get("/").json["_links"]["me"]["title"]] == ["ada (customer)", "ada (staff)"]


@pytest.mark.parametrize("who", ["customer", "staff"])
@pytest.mark.parametrize("path", ["", "/1", "?sort=price", "?q=kettle"])
def test_a_change_by_sql_is_seen_at_once(app, request, who, product, path) -> None:
    caller = request.getfixturevalue(who)
    before = [caller.get(PRODUCTS + path).data for _ in range(2)][1]
    change(app, "UPDATE products SET stock = 0")
    after = caller.get(PRODUCTS + path).data
    app.wsgi_app.known.clear()
    assert (after != before, after) == (True, caller.get(PRODUCTS + path).data)


def test_a_move_is_seen_at_once_by_the_owner(customer, staff, order) -> None:
    states = [customer.get(order).json["status"] for _ in range(2)]
    staff.post(f"{order}/pay", {"reference": "till 7"})
    assert [*states, customer.get(order).json["status"]] == ["placed", "placed", "paid"]


def test_a_token_of_another_key_is_refused(variant, customer, product) -> None:
    customer.get(product)
    other = variant(secret_key=token_hex(32)).test_client()
    assert [other.get(product, headers=customer.headers).status_code for _ in range(2)] == [401, 401]


def test_a_token_that_expires_is_refused(app, customer, product, monkeypatch) -> None:
    from shop.services import tokens

    assert [customer.get(product).status_code for _ in range(2)] == [200, 200]
    later = tokens.time() + 100_000
    monkeypatch.setattr(tokens, "time", lambda: later)
    monkeypatch.setattr(tokens.Signer, "check_signature", lambda *_: refuse())
    assert customer.get(product).status_code == 401


def refuse() -> None:
    from shop.model.errors import Unauthenticated

    raise Unauthenticated("This token has expired.", token="invalid")


def test_each_account_has_a_limit_of_its_own(variant, staff, person, product) -> None:
    client = variant(rate_limit="4/minute").test_client()
    for name in ("ada", "bob"):
        headers = person(name).headers
        answers = [client.get(product, headers=headers) for _ in range(5)]
        assert [each.status_code for each in answers] == [200] * 4 + [429]


def test_the_log_names_the_account(variant, customer, product, capsys) -> None:
    client = variant(log_level="INFO", log_format="json").test_client()
    for _ in range(2):
        client.get(product, headers=customer.headers)
    first, second = capsys.readouterr().err.splitlines()[-2:]
    assert [json.loads(line)["user"] for line in (first, second)] == [customer.id] * 2


def test_callers_are_forgotten_before_they_take_too_much_room(app, person, product, monkeypatch) -> None:
    monkeypatch.setattr(response_cache, "MAX_CALLERS", 3)
    for number in range(6):
        person(f"user{number}").get(product)
    assert len(app.wsgi_app.callers) == 3


PATHS = ["", "/products", "/products/1", "/products/2", "/products?per_page=1&sort=price", "/products?q=pot",
         "/products?fields=name,price", "/orders", "/orders/1", "/orders/2", "/orders/1?embed=user,product",
         "/users", "/users/1", "/users/2", "/users/2?embed=orders", "/changes?after=0"]  # fmt: skip
REQUESTS = st.tuples(
    st.sampled_from(["stranger", "ada", "bob", "grace"]),
    st.sampled_from(["/api/v1", "/api/v2", "/api"]),
    st.sampled_from(PATHS),
    st.sampled_from(["*/*", "application/hal+json", FORMS, "application/vnd.shop.v2+json"]),
    st.sampled_from(["localhost", "shop.example"]),
    st.sampled_from(["", "gzip"]),
)
CHANGES = st.sampled_from(
    [
        "UPDATE products SET stock = 0 WHERE id = 1",
        "UPDATE products SET stock = 5, price = price + 1 WHERE id = 1",
        "UPDATE users SET role = 'staff' WHERE username = 'bob'",
        "UPDATE users SET role = 'customer' WHERE username = 'bob'",
        "UPDATE orders SET status = 'paid', version = version + 1 WHERE id = 1",
    ]
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
    max_examples=60,
)
@given(steps=st.lists(st.one_of(REQUESTS, REQUESTS, REQUESTS, CHANGES), min_size=30, max_size=60))
def test_every_byte_is_that_of_a_shop_that_caches_nothing(app, crowd, plain_client, steps) -> None:
    client = app.test_client()
    for step in steps:
        if isinstance(step, str):
            change(app, step)
            continue
        answers = [send(each, crowd, *step) for each in (client, client, plain_client)]
        assert answers[0] == answers[1] == answers[2], step


@pytest.fixture
def crowd(person, product) -> dict[str, dict[str, str]]:
    """The headers of a stranger, two customers who have ordered, and a member of the staff."""
    people = {"ada": person("ada"), "bob": person("bob"), "grace": person("grace2", "staff")}
    people["grace"].post(PRODUCTS, {"name": "Pot", "price": 7, "stock": 5})
    for name in ("ada", "bob"):
        people[name].post(f"{product}/buy", {"quantity": 1})
    return {"stranger": {}, **{name: each.headers for name, each in people.items()}}


def send(
    client: FlaskClient, crowd: dict[str, Any], who: str, prefix: str, path: str, accept: str, host: str,
    encoding: str,
) -> tuple[int, bytes, set[tuple[str, str]]]:  # fmt: skip
    """Return all of an answer that does not differ from request to request."""
    headers = {**crowd[who], "Accept": accept, "Host": host, "Accept-Encoding": encoding}
    answer = client.get(prefix + path, headers=headers)
    body = gzip.decompress(answer.data) if answer.headers.get("Content-Encoding") else answer.data
    if answer.status_code >= 400:
        return answer.status_code, b"", set()  # a problem holds the id of its request
    return answer.status_code, body, {each for each in answer.headers if each[0] not in OWN_HEADERS}
