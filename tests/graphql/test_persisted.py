"""Automatic persisted queries: a client sends the text once, and then only its hash."""

import hashlib
import json
import sys

import pytest
import requests
from redis import Redis

from shop.doors.graphql import persisted_queries
from shop.doors.graphql.persisted_queries import PersistedQueries
from tests.graphql.conftest import GRAPHQL
from tests.running import serving

QUERY = "{ shop { name } }"


def compute_hash(text):
    return hashlib.sha256(text.encode()).hexdigest()


def get(client, query=None, digest=None, accept=GRAPHQL):
    extension = {"persistedQuery": {"version": 1, "sha256Hash": digest or compute_hash(query or QUERY)}}
    words = {"extensions": json.dumps(extension), **({"query": query} if query else {})}
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
    extension = {"persistedQuery": {"version": 1, "sha256Hash": compute_hash(QUERY)}}
    client.post("/graphql", json={"query": QUERY, "extensions": extension})
    assert get(client).status_code == 200


def test_a_short_get_is_cached(client):
    tag = get(client, QUERY).headers["ETag"]
    words = {"extensions": json.dumps({"persistedQuery": {"version": 1, "sha256Hash": compute_hash(QUERY)}})}
    again = client.get("/graphql", query_string=words, headers={"If-None-Match": tag, "Accept": GRAPHQL})
    assert again.status_code == 304


@pytest.mark.parametrize("digest", [compute_hash("another"), "short", "Z" * 64])
def test_a_hash_must_be_that_of_the_text(client, digest):
    assert get(client, QUERY, digest).status_code == 400


def test_what_is_wrong_is_not_kept(client):
    get(client, "{ nothing }")
    assert get(client, digest=compute_hash("{ nothing }")).status_code == 404


@pytest.mark.parametrize(("name", "bound"), [("MAX_QUERIES", 3), ("MAX_MEMORY", 3 * 500)])
def test_no_more_is_kept_than_there_is_room_for(client, monkeypatch, name, bound):
    monkeypatch.setattr(persisted_queries, name, bound)
    texts = [f"{{ shop {{ a{n}: name }} }}" for n in range(5)]
    for text in texts:
        get(client, text)
    assert [get(client, digest=compute_hash(text)).status_code for text in texts] == [404, 404, 200, 200, 200]


def test_what_is_in_use_outlasts_what_strangers_bring(client, monkeypatch):
    monkeypatch.setattr(persisted_queries, "MAX_QUERIES", 3)
    get(client, QUERY)
    for n in range(9):
        get(client, f"{{ shop {{ a{n}: name }} }}")
        assert get(client).status_code == 200


def test_wide_characters_count_for_what_they_take():
    store = PersistedQueries()
    for n in range(400):
        store.store_query(str(n), "\U0001f9e6" * 16_000 + str(n))
    assert sum(sys.getsizeof(text) for text, _ in store.texts.values()) <= persisted_queries.MAX_MEMORY


def test_a_text_that_is_new_costs_a_request_more(client):
    def read_remaining(answer):
        return int(answer.headers["RateLimit"].partition("r=")[2].partition(";")[0])

    lefts = [read_remaining(get(client, "{ shop { can } }")) for _ in range(3)]
    assert lefts[0] - lefts[1] == 1
    assert read_remaining(get(client, "{ shop { can name } }")) == lefts[2] - 2


def test_a_text_beyond_the_limit_is_not_kept(variant):
    client = variant(rate_limit="2/minute").test_client()
    answers = [get(client, f"{{ shop {{ b{n}: name }} }}").status_code for n in range(2)]
    assert (answers, list(client.application.extensions["shop"].persisted_queries.texts)) == (
        [200, 429],
        [compute_hash("{ shop { b0: name } }")],
    )


def test_strangers_leave_nothing_in_redis(variant, redis):
    client = variant(redis_url=redis).test_client()
    for n in range(20):
        get(client, f"{{ shop {{ c{n}: name }} }}")
    assert list(Redis.from_url(redis).scan_iter("*query*")) == []


def test_a_client_of_several_processes_gets_all_its_answers_and_seldom_sends_a_text(app):
    with serving(app.extensions["shop"].settings.database_url, workers="3") as (shop,):
        found = [ask_by_hash(shop.home) for _ in range(60)]
    names, sent = zip(*found, strict=True)
    assert (set(names), sum(sent) <= 3 * 4) == ({"Shop"}, True)


def ask_by_hash(home):
    """Do what an APQ client does: send the hash, and then the text if the hash is not known."""
    extension = {"persistedQuery": {"version": 1, "sha256Hash": compute_hash(QUERY)}}
    first = requests.post(f"{home}/graphql", json={"extensions": extension}, timeout=20).json()
    if "errors" not in first:
        return first["data"]["shop"]["name"], False
    assert first["errors"][0]["message"] == "PersistedQueryNotFound"
    again = requests.post(
        f"{home}/graphql", json={"query": QUERY, "extensions": extension}, timeout=20
    ).json()
    return again["data"]["shop"]["name"], True
