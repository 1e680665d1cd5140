"""The number of open logins of an account, and its known addresses."""

import pytest

from shop.services import tokens
from shop.storage.transactions import Context

BACKENDS = ["sqlite", "postgresql"]


@pytest.fixture
def log_in(app, customer):
    def act(address="10.0.0.1"):
        with app.app_context():
            ctx = Context(app.extensions["sqlalchemy"].session())
            return tokens.open_login(ctx, app.extensions["shop"].signer, customer.id, address)

    return act


def test_the_oldest_login_ends_when_there_are_too_many(client, log_in, monkeypatch):
    monkeypatch.setattr(tokens, "MAX_LOGINS", 3)
    headers = [{"Authorization": f"Bearer {log_in().access_token}"} for _ in range(4)]
    assert [client.get("/api/v1/orders", headers=each).status_code for each in headers] == [
        401,
        200,
        200,
        200,
    ]


def test_an_address_is_known_to_the_account_that_logged_in_from_it(log_in, person, session):
    log_in("10.0.0.7")
    person("bob")
    known = [tokens.is_known_address(Context(session), name, "10.0.0.7") for name in ("ADA", "bob", "nobody")]
    assert known == [True, False, False]


def test_the_address_that_was_used_the_longest_ago_is_forgotten_first(log_in, monkeypatch, session):
    monkeypatch.setattr(tokens, "MAX_ADDRESSES", 2)
    for address in ("10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.3"):
        log_in(address)
    known = [tokens.is_known_address(Context(session), "ada", f"10.0.0.{n}") for n in (1, 2, 3)]
    assert known == [True, False, True]


def test_an_account_that_is_deleted_is_known_nowhere(log_in, customer, session):
    log_in("10.0.0.7")
    customer.delete(f"/api/v1/users/{customer.id}")
    rows = session.connection().exec_driver_sql("SELECT count(*) FROM known_addresses").scalar()
    assert rows == 0
