"""Idempotency-Key: a repeated request is executed once."""

from datetime import UTC, datetime, timedelta

import pytest

from shop.storage.idempotency import Replay
from tests.rest.test_caching import run_at_once

ORDER = {"items": [{"product_id": 1, "quantity": 1}]}


def post_with_key(person, key="k-1", body=None, url="/api/v1/orders", **headers):
    return person.post(url, body or ORDER, headers={"Idempotency-Key": key, **headers})


def count_orders(person):
    return person.get("/api/v1/orders").json["total"]


def get_comparable_parts(one, other):
    return [(a.status_code, a.json, a.headers.get("Location"), a.content_type) for a in (one, other)]


def test_asked_twice_it_is_done_once(customer, desk):
    post_with_key(customer), post_with_key(customer)
    assert (count_orders(customer), customer.get(desk).json["stock"]) == (1, 11)


def test_asked_twice_it_answers_the_same(customer, desk):
    first, second = get_comparable_parts(post_with_key(customer), post_with_key(customer))
    assert first == second


def test_only_the_second_answer_says_that_it_is_one(customer, desk):
    assert [post_with_key(customer).headers.get("Idempotency-Replayed") for _ in range(3)] == [
        None,
        "true",
        "true",
    ]


def test_the_words_may_come_in_another_order(customer, desk):
    first = customer.post("/api/v1/orders", data=b'{"items": [{"product_id": 1, "quantity": 1}]}',
                          content_type="application/json", headers={"Idempotency-Key": "k-1"})  # fmt: skip
    second = customer.post("/api/v1/orders", data=b'{ "items":[{"quantity":1,"product_id":1}] }',
                           content_type="application/json", headers={"Idempotency-Key": "k-1"})  # fmt: skip
    assert first.json["id"] == second.json["id"]


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("/api/v1/orders", {"items": [{"product_id": 1, "quantity": 2}]}),
        ("/api/v1/products/1/buy", {"quantity": 1}),
    ],
)
def test_the_same_key_with_another_request_is_refused(customer, desk, url, body):
    post_with_key(customer)
    refused = post_with_key(customer, body=body, url=url)
    assert (refused.status_code, count_orders(customer)) == (422, 1)


def test_another_key_is_another_request(customer, desk):
    post_with_key(customer), post_with_key(customer, "k-2")
    assert count_orders(customer) == 2


def test_a_key_belongs_to_the_user_who_chose_it(customer, staff, desk):
    mine, theirs = post_with_key(customer), post_with_key(staff)
    assert mine.json["id"] != theirs.json["id"]


@pytest.mark.parametrize(("one", "other"), [('"k-1"', "k-1"), ("k-1", '"k-1"')])
def test_a_key_is_the_same_quoted_and_bare(customer, desk, one, other):
    post_with_key(customer, one), post_with_key(customer, other)
    assert count_orders(customer) == 1


def test_a_key_may_be_a_member_of_the_form(customer, desk):
    for _ in range(2):
        customer.post("/api/v1/orders", {**ORDER, "_idempotency_key": "k-1"})
    assert count_orders(customer) == 1


@pytest.mark.parametrize(
    "key", ["", '""', "x" * 256, "a b", "a,b", '"a", "b"', "ключ", '"a', '"a"b"', "a\tb"]
)
def test_a_key_is_one_plain_string(customer, desk, key):
    refused = post_with_key(customer, key.encode().decode("latin-1"))
    assert (refused.status_code, count_orders(customer)) == (400, 0)


@pytest.mark.parametrize("member", [7, None, "", ["k"]])
def test_a_key_that_is_a_member_is_one_too(customer, desk, member):
    assert customer.post("/api/v1/orders", {**ORDER, "_idempotency_key": member}).status_code == 400


def test_a_refusal_that_is_about_the_shop_is_an_answer_too(customer, staff, product):
    product(stock=0)
    post_with_key(customer)
    staff.post("/api/v1/products/1/restock", {"amount": 5})
    again = post_with_key(customer)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (409, "true")


def test_a_refusal_leaves_nothing_but_itself(customer, product):
    product(), product(stock=0)
    post_with_key(
        customer, body={"items": [{"product_id": 1, "quantity": 1}, {"product_id": 2, "quantity": 1}]}
    )
    assert (count_orders(customer), customer.get("/api/v1/products/1").json["stock"]) == (0, 12)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"items": []}, {}, 400),
        (None, {"Authorization": "Bearer stale"}, 401),
        (None, {"Accept": "text/html"}, 406),
    ],
)
def test_a_refusal_that_had_no_effect_does_not_use_up_the_key(customer, desk, body, headers, status):
    refused = post_with_key(customer, body=body, **headers)
    assert (refused.status_code, post_with_key(customer).status_code) == (status, 201)


def test_a_stale_tag_does_not_use_up_the_key(customer, desk):
    refused = post_with_key(customer, url=f"{desk}/buy", body={"quantity": 1, "_etag": '"1-9"'})
    assert (
        refused.status_code,
        post_with_key(customer, url=f"{desk}/buy", body={"quantity": 1}).status_code,
    ) == (
        412,
        201,
    )


@pytest.mark.parametrize(("move", "words"), [("pay", {"reference": "x"}), ("cancel", {})])
def test_a_move_may_be_asked_twice_too(customer, staff, desk, move, words):
    url = f"{post_with_key(customer).headers['Location']}/{move}"
    first, second = (post_with_key(staff, "m-1", words or {"_": 0}, url) for _ in range(2))
    assert get_comparable_parts(first, second)[0] == get_comparable_parts(first, second)[1]


def test_a_move_asked_twice_says_where_its_answer_belongs(customer, staff, desk):
    order = post_with_key(customer).headers["Location"]
    first, second = (post_with_key(staff, "m-1", {"reference": "x"}, f"{order}/pay") for _ in range(2))
    assert (first.headers["Content-Location"], second.headers["Content-Location"]) == (order, order)


def test_adding_a_product_twice_adds_it_once(staff):
    for _ in range(2):
        post_with_key(staff, body={"name": "Pine stool", "price": 39}, url="/api/v1/products")
    assert staff.get("/api/v1/products").json["total"] == 1


def test_registering_twice_registers_once(anonymous):
    eve = {"username": "eve", "email": "eve@shop.example", "password": "correct horse"}
    first, second = (post_with_key(anonymous, body=eve, url="/api/v1/users") for _ in range(2))
    assert (first.status_code, second.status_code, second.json["id"]) == (201, 201, first.json["id"])


def test_a_taken_name_is_an_answer_that_is_kept(anonymous, customer):
    ada = {"username": "ada", "email": "new@shop.example", "password": "correct horse"}
    first, second = (post_with_key(anonymous, body=ada, url="/api/v1/users") for _ in range(2))
    assert (first.status_code, second.headers["Idempotency-Replayed"]) == (409, "true")


def test_tokens_are_never_kept(customer, session):
    right = {"username": "ada", "password": "walnut-and-brass"}
    first, second = (post_with_key(customer, body=right, url="/api/v1/tokens").json for _ in range(2))
    assert (first["access_token"] != second["access_token"], session.query(Replay).count()) == (True, 0)


def test_twenty_who_ask_at_once_under_one_key_get_one_order(customer, desk):
    answers = run_at_once(20, lambda _: post_with_key(customer))
    assert ({a.status_code for a in answers}, {a.json["id"] for a in answers}, count_orders(customer)) == (
        {201},
        {1},
        1,
    )


def test_a_key_may_be_used_anew_once_it_has_expired(customer, desk, session):
    post_with_key(customer)
    session.query(Replay).update({"expires_at": datetime.now(UTC) - timedelta(seconds=1)})
    session.commit()
    assert ("Idempotency-Replayed" in post_with_key(customer).headers, count_orders(customer)) == (False, 2)


def test_what_has_expired_is_swept_away_now_and_then(customer, desk, session, monkeypatch):
    monkeypatch.setattr("shop.storage.idempotency.PURGE_RATE", 1.0)
    post_with_key(customer)
    session.query(Replay).update({"expires_at": datetime.now(UTC) - timedelta(seconds=1)})
    session.commit()
    post_with_key(customer, "k-2")
    assert session.query(Replay).count() == 1


def test_the_key_is_kept_in_the_transaction_of_the_order(customer, desk, session, app, monkeypatch):
    """An answer that cannot be written must not leave an order behind."""

    def fail(*_):
        raise RuntimeError("no answer")

    monkeypatch.setattr("shop.storage.idempotency.store_answer", fail)
    assert (post_with_key(customer).status_code, count_orders(customer), session.query(Replay).count()) == (
        500,
        0,
        0,
    )


def test_what_has_expired_is_forgotten_by_command(customer, desk, session, app):
    from shop.storage.idempotency import purge_answers
    from shop.storage.transactions import Context

    post_with_key(customer)
    session.query(Replay).update({"expires_at": datetime.now(UTC) - timedelta(seconds=1)})
    session.commit()
    assert (purge_answers(Context(session)), session.query(Replay).count()) == (1, 0)


def test_a_minimal_answer_is_the_same_under_a_key(staff, desk):
    wish = {"Prefer": "return=minimal"}
    answers = [post_with_key(staff, url=f"{desk}/restock", body={"amount": 1}, **wish) for _ in range(2)]
    parts = [
        (a.status_code, "Content-Type" in a.headers, a.headers.get("Preference-Applied")) for a in answers
    ]
    assert parts == [(204, False, "return=minimal")] * 2
