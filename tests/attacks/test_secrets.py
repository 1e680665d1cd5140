"""A copy of the database does not help to guess a password."""

import hashlib
import json

import orjson
import pytest
from sqlalchemy import text

from tests.conftest import KEY

PASSWORD = "walnut-and-brass"
BODY = {"username": "ada", "email": "ada@shop.example", "password": PASSWORD}


@pytest.fixture
def read_database(app):
    """Returns the contents of all tables as one text."""

    def read():
        with app.app_context(), app.extensions["shop"].engine.connect() as connection:
            names = ("users", "logins", "replays", "known_addresses", "order_steps", "changes")
            rows = [connection.execute(text(f"SELECT * FROM {name}")).all() for name in names]
        return repr(rows)

    return read


def build_guesses():
    """Return inputs that an attacker would hash who knows the source code but not the secret key."""
    body = orjson.dumps(BODY, option=orjson.OPT_SORT_KEYS)
    for path in ("/api/v1/users", "/api/v2/users", "/api/users"):
        yield b"\n".join((b"POST", path.encode(), body))
    yield from (
        body,
        json.dumps(BODY).encode(),
        PASSWORD.encode(),
        f"ada{PASSWORD}".encode(),
        f"ada:{PASSWORD}".encode(),
    )


def test_no_table_holds_a_digest_of_a_registration(anonymous, read_database):
    assert anonymous.post("/api/v1/users", BODY, headers={"Idempotency-Key": "one"}).status_code == 201
    digests = [each.hexdigest() for guess in build_guesses()
               for each in (hashlib.sha256(guess), hashlib.md5(guess), hashlib.sha1(guess), hashlib.blake2b(guess))]  # fmt: skip
    database = read_database()
    assert [each for each in digests if each in database] == []


def test_no_table_holds_a_password(anonymous, read_database):
    anonymous.post("/api/v1/users", BODY, headers={"Idempotency-Key": "one"})
    assert PASSWORD not in read_database()


def test_another_password_under_the_same_key_is_another_request(anonymous):
    answers = [anonymous.post("/api/v1/users", {**BODY, "password": password}, headers={"Idempotency-Key": "one"})
               for password in (PASSWORD, "another-password", PASSWORD)]  # fmt: skip
    assert [each.status_code for each in answers] == [201, 422, 201]


def test_a_request_is_the_same_after_the_keys_were_rotated(customer, desk, variant):
    orders, body = "/api/v1/orders", {"items": [{"product_id": 1, "quantity": 1}]}
    first = customer.post(orders, body, headers={"Idempotency-Key": "one"})
    newer = variant(secret_key=f"{KEY[::-1]},{KEY}").test_client()
    second = newer.post(orders, json=body, headers={**customer.headers, "Idempotency-Key": "one"})
    assert (second.status_code, second.json) == (201, first.json)


def test_a_request_is_the_same_after_an_upgrade_from_the_first_version(customer, desk, session):
    orders, body = "/api/v1/orders", {"items": [{"product_id": 1, "quantity": 1}]}
    first = customer.post(orders, body, headers={"Idempotency-Key": "one"})
    unkeyed = hashlib.sha256(
        b"\n".join((b"POST", orders.encode(), orjson.dumps(body, option=orjson.OPT_SORT_KEYS)))
    )
    session.execute(text("UPDATE replays SET fingerprint = :old"), {"old": unkeyed.hexdigest()})
    session.commit()
    assert customer.post(orders, body, headers={"Idempotency-Key": "one"}).json == first.json
