"""Logging in, staying in, logging out."""

import base64
import json
import statistics
import threading
import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from shop.services.tokens import Signer, derive_key_id
from tests.conftest import KEY, PASSWORD, login

OLD, NEW = "o" * 8 + "ld-key-that-was-good-once-1234567", "n" * 8 + "ew-key-that-is-in-use-now-9876543"


def get_account(person, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token is not None else person.headers
    return person.client.get(f"/api/v1/users/{person.id}", headers=headers)


def decode_claims(token):
    return jwt.decode(token, options={"verify_signature": False})


def forge_token(person, key=KEY, algorithm="HS256", headers=None, drop=(), **changes):
    """Return a token like that of the person, with these changes."""
    claims = {**decode_claims(person.tokens["access_token"]), **changes}
    claims = {name: value for name, value in claims.items() if name not in drop}
    return jwt.api_jws.encode(
        json.dumps(claims).encode(), key, algorithm, headers={"kid": derive_key_id(KEY), **(headers or {})}
    )


def test_logging_in_answers_with_tokens_that_nobody_stores(customer):
    answer = customer.client.post("/api/v1/tokens", json={"username": "ada", "password": PASSWORD})
    assert (answer.status_code, answer.json["token_type"], answer.headers["Cache-Control"]) == (
        200, "Bearer", "no-store",
    )  # fmt: skip


def test_a_login_leads_to_the_account(customer):
    assert customer.get(login(customer.client, "ada")["_links"]["me"]["href"]).json["username"] == "ada"


def test_a_name_may_be_typed_in_any_case(customer):
    assert "access_token" in login(customer.client, "ADA")


@pytest.mark.parametrize("username", ["ada", "nobody"])
def test_a_wrong_login_tells_nothing_of_who_exists(customer, username):
    refused = customer.client.post(
        "/api/v1/tokens", json={"username": username, "password": "wrong-password"}
    )
    assert (refused.status_code, refused.json["detail"]) == (
        401, "Wrong username or password.",
    )  # fmt: skip


def test_a_wrong_login_takes_as_long_for_unknown_names(customer):
    def measure_login(username):
        began = time.perf_counter()
        customer.client.post("/api/v1/tokens", json={"username": username, "password": "wrong-password"})
        return time.perf_counter() - began

    known, unknown = zip(*((measure_login("ada"), measure_login("nobody")) for _ in range(15)), strict=True)
    assert 0.6 < statistics.median(known) / statistics.median(unknown) < 1.7


def test_logging_out_ends_the_access_token_at_once(customer):
    customer.delete("/api/v1/tokens/current")
    assert get_account(customer).status_code == 401


def test_logging_out_ends_the_refresh_token_at_once(customer):
    customer.delete("/api/v1/tokens/current")
    assert refresh_token(customer).status_code == 401


def test_logging_out_leaves_other_logins_alone(customer):
    other = login(customer.client, "ada")["access_token"]
    customer.delete("/api/v1/tokens/current")
    assert get_account(customer, other).status_code == 200


def test_logging_out_takes_a_token(anonymous):
    assert anonymous.delete("/api/v1/tokens/current").status_code == 401


def refresh_token(person, token=None):
    body = {"refresh_token": token or person.tokens["refresh_token"]}
    return person.client.post("/api/v1/tokens/refresh", json=body)


def test_a_refresh_token_buys_a_new_pair(customer):
    assert get_account(customer, refresh_token(customer).json["access_token"]).status_code == 200


def test_a_refresh_token_spent_twice_is_refused(customer):
    refresh_token(customer)
    assert refresh_token(customer).status_code == 401


def test_a_refresh_token_spent_twice_ends_the_login(customer):
    successor = refresh_token(customer).json
    refresh_token(customer)
    assert (
        get_account(customer, successor["access_token"]).status_code,
        get_account(customer).status_code,
    ) == (401, 401)


def test_a_refresh_token_spent_twice_leaves_other_logins_alone(customer):
    other = login(customer.client, "ada")["access_token"]
    refresh_token(customer), refresh_token(customer)
    assert get_account(customer, other).status_code == 200


def test_of_ten_who_spend_one_token_at_once_one_gets_a_pair(customer):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(refresh_token(customer).status_code))
        for _ in range(10)
    ]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(answers) == [200] + [401] * 9


def test_a_stale_access_token_does_not_keep_anyone_from_refreshing(customer):
    stale = {"Authorization": "Bearer stale"}
    body = {"refresh_token": customer.tokens["refresh_token"]}
    assert customer.client.post("/api/v1/tokens/refresh", json=body, headers=stale).status_code == 200


def test_a_refresh_token_gives_no_access(customer):
    assert get_account(customer, customer.tokens["refresh_token"]).status_code == 401


def test_an_access_token_buys_no_pair(customer):
    assert refresh_token(customer, customer.tokens["access_token"]).status_code == 401


def test_a_genuine_token_that_was_only_copied_works(customer):
    assert get_account(customer, forge_token(customer)).status_code == 200


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "exp", "iat", "jti", "typ", "sid", "epoch"])
def test_a_token_needs_every_claim(customer, claim):
    assert get_account(customer, forge_token(customer, drop=[claim])).status_code == 401


NOW = int(datetime.now(UTC).timestamp())


@pytest.mark.parametrize(
    "changes",
    [{"exp": NOW - 3600}, {"exp": None}, {"exp": "x"}, {"exp": 1e30}, {"iat": NOW + 3600}, {"nbf": NOW + 3600},
     {"aud": "other"}, {"iss": "other"}, {"sub": 1}, {"sub": "x"}, {"sub": "9" * 5000}, {"sub": " 1"},
     {"sub": "0"}, {"typ": "refresh"}, {"typ": None}, {"sid": "x"}, {"sid": None}, {"epoch": 7}, {"jti": 1}],
)  # fmt: skip
def test_a_token_with_a_wrong_claim_is_refused(customer, changes):
    assert get_account(customer, forge_token(customer, **changes)).status_code == 401


def test_a_token_just_run_out_has_seconds_of_grace(customer):
    assert (
        get_account(customer, forge_token(customer, exp=int(datetime.now(UTC).timestamp()) - 3)).status_code
        == 200
    )


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_a_token_of_another_algorithm_is_refused(customer, algorithm):
    assert get_account(customer, forge_token(customer, KEY * 2, algorithm)).status_code == 401


@pytest.mark.parametrize("name", ["none", "None", "nOnE"])
def test_a_token_without_a_signature_is_refused(customer, name):
    def encode_part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = decode_claims(customer.tokens["access_token"])
    assert (
        get_account(
            customer, f"{encode_part({'alg': name, 'kid': derive_key_id(KEY)})}.{encode_part(claims)}."
        ).status_code
        == 401
    )


@pytest.mark.parametrize("header", [{"kid": "../../dev/null"}, {"kid": "' OR 1=1"}, {"crit": ["x"]}])
def test_a_token_with_a_strange_header_is_refused(customer, header):
    assert get_account(customer, forge_token(customer, headers=header)).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "a b", "a.b.c", "é", "." * 20_000, "eyJ" * 9000])
def test_what_is_no_token_is_refused(customer, token):
    refused = get_account(customer, token.encode().decode("latin-1"))
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (
        401, 'Bearer realm="shop", error="invalid_token"',
    )  # fmt: skip


def test_a_token_with_one_bit_flipped_is_refused(customer):
    head, body, signature = customer.tokens["access_token"].split(".")
    flipped = ("A" if signature[3] != "A" else "B").join((signature[:3], signature[4:]))
    assert get_account(customer, f"{head}.{body}.{flipped}").status_code == 401


def test_a_bad_token_is_refused_even_where_none_is_needed(customer):
    refused = customer.client.get("/api/v1/products", headers={"Authorization": "Bearer stale"})
    assert refused.status_code == 401


def test_another_scheme_is_nobody_in_particular(customer):
    basic = {"Authorization": "Basic cm9vdDpwYXNzd29yZA=="}
    assert customer.client.get("/api/v1/products", headers=basic).status_code == 200


def test_a_newer_key_signs_and_an_older_one_still_opens(customer, variant):
    rotated = variant(secret_key=f"{NEW},{KEY}").test_client()
    assert rotated.get(f"/api/v1/users/{customer.id}", headers=customer.headers).status_code == 200


def test_a_key_that_is_gone_opens_nothing(customer, variant):
    rotated = variant(secret_key=NEW).test_client()
    assert rotated.get(f"/api/v1/users/{customer.id}", headers=customer.headers).status_code == 401


def test_the_newest_key_signs():
    class Ada:
        id, role, token_epoch = 1, "customer", 0

    token = Signer((NEW, OLD), 900, 3600).sign("access", Ada, "sid", "jti")
    assert jwt.get_unverified_header(token)["kid"] == derive_key_id(NEW)


def test_logins_that_ran_out_are_swept_away(customer, session):
    from shop.domain.user import Login

    session.query(Login).update({"expires_at": datetime.now(UTC) - timedelta(days=1)})
    session.commit()
    login(customer.client, "ada")
    session.expire_all()
    assert session.query(Login).count() == 1
