"""The limits of an operation, and its cost in requests."""

import time
from itertools import pairwise

import pytest

from tests.rest.test_limits import flush_redis
from tests.timing import measure_seconds

LAYERS = 30
CHAIN = "{ me { ...F0 } } " + " ".join(
    f"fragment F{n} on User {{ ...F{n + 1} ...F{n + 1} }}" for n in range(LAYERS)
) + f" fragment F{LAYERS} on User {{ id orders {{ id }} }}"  # fmt: skip
DEEP = "orders { user { " * 7 + "id" + " } }" * 7
WIDE = "orderConnection(first: 100) { nodes { items { product { id } } } }"


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("{ shop { name" + " name" * 1500 + " } }", "token"),
        ("{" + " shop { name }" * 100 + " }", "fields are repeated"),
        ("{ shop { name } } #" + "x" * 20_000, "code points"),
        (f"{{ me {{ {DEEP} }} }}", "depth"),
        ("{ " + " ".join(f"a{n}: shop {{ name }}" for n in range(51)) + " }", "aliases"),
        (f"{{ users(first: 100) {{ nodes {{ {WIDE} }} }} }}", "cost"),
        ("fragment F on Shop { name ...F } { shop { ...F } }", "itself"),
        (CHAIN, "cost"),
    ],
)
def test_too_much_is_refused_before_anything_is_done(run_query, staff, query, word):
    answer = run_query(staff, query)
    assert (answer.status_code, word in answer.json["errors"][0]["message"]) == (400, True)


def test_fragments_that_double_at_every_step_are_refused_at_once(run_query, customer):
    assert measure_seconds(lambda: run_query(customer, CHAIN), 0.05) < 0.05


def test_what_variables_ask_for_counts(run_query, staff):
    query = f"query($n: Int!) {{ users(first: $n) {{ nodes {{ {WIDE} }} }} }}"
    assert [run_query(staff, query, n=n).status_code for n in (1, 100)] == [200, 400]


def test_what_the_seed_of_the_issue_asks_for_is_allowed(run_query, staff):
    query = "{ users(first: 50) { nodes { orders(first: 5) { items { name quantity product { name } } } } } }"
    assert run_query(staff, query).status_code == 200


@pytest.fixture(params=["memory", "redis"])
def build_caller(request, variant, person):
    """Builds a customer of a shop with these limits, counted in memory or in Redis."""

    def build(**settings):
        if request.param == "redis":
            settings["redis_url"] = request.getfixturevalue("redis")
            flush_redis(settings["redis_url"])
        return person("lim" + str(time.monotonic_ns()), at=variant(**settings))

    return build


def read_remaining(answer):
    return int(answer.headers["RateLimit"].partition("r=")[2].partition(";")[0])


def test_an_operation_costs_what_it_asks_for(run_query, build_caller):
    who = build_caller(rate_limit="50/minute")
    queries = ["{ me { id } }", "{ products(first: 100) { nodes { id name price stock can etag } } }",
               "{ me { orders(first: 100) { items { name quantity product { name } } } } }"]  # fmt: skip
    lefts = [50, *(read_remaining(run_query(who, query)) for query in queries)]
    assert [before - after for before, after in pairwise(lefts)] == [1, 1, 4]


def test_a_mutation_costs_a_request_each(run_query, build_caller):
    who = build_caller(rate_limit="9/minute")
    assert read_remaining(run_query(who, "mutation { a: cancel(id: 1) { ok } b: cancel(id: 2) { ok } }")) == 7


def test_beyond_the_limit_is_429(run_query, build_caller):
    who = build_caller(rate_limit="3/minute")
    run_query(who, "mutation { a: cancel(id: 1) { ok } b: cancel(id: 2) { ok } }")
    answers = [
        run_query(who, query)
        for query in ("mutation { a: cancel(id: 1) { ok } b: cancel(id: 2) { ok } }", "{ me { id } }")
    ]
    assert [(a.status_code, a.json["errors"][0]["extensions"]["code"], "Retry-After" in a.headers) for a in answers] == [
        (429, "THROTTLED", True)
    ] * 2  # fmt: skip


def test_a_304_costs_as_much_as_the_answer_would(build_caller):
    who = build_caller(rate_limit="20/minute")
    words = {"query": "{ me { orders(first: 100) { items { name quantity product { name } } } } }"}
    first = who.get("/graphql", query_string=words)
    again = who.get("/graphql", query_string=words, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, read_remaining(first) - read_remaining(again)) == (304, 4)


LOGIN = "mutation($name: String!, $password: String!) { login(username: $name, password: $password) { accessToken } }"


class TestLoggingIn:
    def test_is_limited_over_both_doors_together(self, run_query, build_caller):
        who = build_caller(login_rate_limit="2/minute")
        wrong = {"username": "ada", "password": "wrong-password"}
        over_rest = who.post("/api/v1/tokens", wrong).status_code
        over_graphql = [run_query(who, LOGIN, name="ADA", password="x" * 9) for _ in range(2)]
        assert (over_rest, [answer.status_code for answer in over_graphql]) == (401, [200, 429])

    def test_is_limited_within_one_document(self, fetch_codes, build_caller):
        who = build_caller(login_rate_limit="2/minute")
        logins = " ".join(f'l{n}: login(username: "ada", password: "wrong") {{ ok }}' for n in range(4))
        assert fetch_codes(who, f"mutation {{ {logins} }}") == ["UNAUTHENTICATED"] * 2 + ["THROTTLED"] * 2

    def test_says_when_to_come_back(self, run_query, build_caller):
        who = build_caller(login_rate_limit="1/minute")
        answers = [run_query(who, LOGIN, name="ada", password="wrong") for _ in range(2)]
        assert 0 < int(answers[1].headers["Retry-After"]) <= 60

    def test_costs_nothing_when_it_succeeds(self, run_query, build_caller, customer):
        who = build_caller(login_rate_limit="1/minute")
        answers = [run_query(who, LOGIN, name="ada", password="walnut-and-brass") for _ in range(2)]
        assert [bool(answer.json["data"]["login"]) for answer in answers] == [True, True]
