"""Automatic persisted queries: the text is said once, and from then on only its hash."""

import hashlib
import json

import pytest

from shop.doors.graphql import persisted
from tests.graphql.conftest import GRAPHQL
from tests.servers import free_port

QUERY = "{ shop { name } }"


def hashed(text):
    return hashlib.sha256(text.encode()).hexdigest()


def get(client, query=None, digest=None, accept=GRAPHQL):
    named = {"persistedQuery": {"version": 1, "sha256Hash": digest or hashed(query or QUERY)}}
    words = {"extensions": json.dumps(named), **({"query": query} if query else {})}
    return client.get("/graphql", query_string=words, headers={"Accept": accept})


@pytest.fixture
def client(variant):
    return variant().test_client()


def test_a_hash_that_nobody_said_is_not_found(client):
    answer = get(client)
    (error,) = answer.json["errors"]
    assert (answer.status_code, error["message"], error["extensions"]["code"], answer.headers["Cache-Control"]) == (
        404, "PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND", "no-store",
    )  # fmt: skip


def test_clients_that_only_know_json_can_read_on(client):
    assert get(client, accept="application/json").status_code == 200


def test_what_was_said_once_is_known_by_its_hash(client):
    get(client, QUERY)
    assert get(client).json["data"]["shop"]["name"] == "Shop"


def test_a_post_may_say_it_too(client):
    named = {"persistedQuery": {"version": 1, "sha256Hash": hashed(QUERY)}}
    client.post("/graphql", json={"query": QUERY, "extensions": named})
    assert get(client).status_code == 200


def test_a_short_get_is_cached(client):
    tag = get(client, QUERY).headers["ETag"]
    words = {"extensions": json.dumps({"persistedQuery": {"version": 1, "sha256Hash": hashed(QUERY)}})}
    again = client.get("/graphql", query_string=words, headers={"If-None-Match": tag, "Accept": GRAPHQL})
    assert again.status_code == 304


@pytest.mark.parametrize("digest", [hashed("another"), "short", "Z" * 64])
def test_a_hash_must_be_that_of_the_text(client, digest):
    assert get(client, QUERY, digest).status_code == 400


def test_what_is_wrong_is_not_kept(client):
    get(client, "{ nothing }")
    assert get(client, digest=hashed("{ nothing }")).status_code == 404


def test_no_more_is_kept_than_there_is_room_for(client, monkeypatch):
    monkeypatch.setattr(persisted, "KEPT", 3)
    texts = [f"{{ shop {{ a{n}: name }} }}" for n in range(5)]
    for text in texts:
        get(client, text)
    assert [get(client, digest=hashed(text)).status_code for text in texts] == [404, 404, 200, 200, 200]


def test_what_one_process_heard_another_knows_through_redis(variant, redis):
    one, other = (variant(redis_url=redis).test_client() for _ in range(2))
    get(one, "{ shop { currency } }")
    assert get(other, digest=hashed("{ shop { currency } }")).json["data"]["shop"]["currency"] == "USD"


def test_without_redis_each_process_keeps_its_own(variant):
    client = variant(redis_url=f"redis://127.0.0.1:{free_port()}/0").test_client()
    get(client, QUERY)
    assert get(client).status_code == 200
