"""Rate limits."""

import time

import http_sf
import pytest

WRONG = {"username": "ada", "password": "wrong-password"}


@pytest.fixture(params=["memory", "redis"])
def build_client(request, variant):
    """Builds a client of a shop with these limits, counted in memory or in Redis."""

    def build(**settings):
        if request.param == "redis":
            settings["redis_url"] = request.getfixturevalue("redis")
            flush_redis(settings["redis_url"])
        return variant(**settings).test_client()

    return build


def flush_redis(url):
    import redis

    with redis.Redis.from_url(url) as store:
        store.flushall()


def get_statuses(client, count, url="/api/v1/products", **kwargs):
    return [client.get(url, **kwargs).status_code for _ in range(count)]


def test_beyond_the_limit_is_429(build_client):
    assert get_statuses(build_client(rate_limit="3/minute"), 4) == [200, 200, 200, 429]


def test_waiting_as_long_as_it_says_is_enough(build_client):
    client = build_client(rate_limit="2/second")
    get_statuses(client, 2)
    refused = client.get("/")
    time.sleep(int(refused.headers["Retry-After"]))
    assert (refused.status_code, client.get("/").status_code) == (429, 200)


def test_what_is_left_is_said_in_every_answer(build_client):
    client = build_client(rate_limit="9/minute")
    client.get("/")
    answer = client.get("/nowhere")
    ((name, left),) = http_sf.parse(answer.headers["RateLimit"].encode(), tltype="list")
    assert (name, left["r"], 0 < left["t"] <= 60) == ("default", 7, True)


def test_the_policy_is_said_in_every_answer(build_client):
    answer = build_client(rate_limit="9/minute").get("/")
    assert http_sf.parse(answer.headers["RateLimit-Policy"].encode(), tltype="list") == [
        ("default", {"q": 9, "w": 60})
    ]


def test_nobody_is_told_to_retry_who_got_an_answer(build_client):
    assert "Retry-After" not in build_client(rate_limit="9/minute").get("/").headers


@pytest.mark.parametrize(("method", "url"), [("GET", "/nowhere"), ("DELETE", "/api/v1/products")])
def test_what_finds_nothing_counts_too(build_client, method, url):
    client = build_client(rate_limit="2/minute")
    assert [client.open(url, method=method).status_code for _ in range(3)][2] == 429


def test_a_304_costs_nothing(build_client):
    client = build_client(rate_limit="3/minute")
    tag = client.get("/").headers["ETag"]
    assert get_statuses(client, 20, "/", headers={"If-None-Match": tag}) == [304] * 20


def test_users_are_counted_apart(build_client, customer, staff):
    client = build_client(rate_limit="2/minute")
    get_statuses(client, 3, headers=customer.headers)
    assert get_statuses(client, 1, headers=staff.headers) == [200]


def test_a_forged_token_is_counted_by_address(build_client):
    client = build_client(rate_limit="2/minute")
    get_statuses(client, 2, headers={"Authorization": "Bearer forged"})
    assert get_statuses(client, 1) == [429]


def test_forwarded_addresses_that_nobody_vouches_for_are_ignored(build_client):
    client = build_client(rate_limit="2/minute")
    answers = [client.get("/", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code for n in range(3)]
    assert answers[2] == 429


@pytest.mark.parametrize(
    ("one", "other", "status"), [("2001:db8::1", "2001:db8::2", 429), ("2001:db8::1", "2001:db8:0:1::1", 200)]
)
def test_the_64_of_an_ipv6_address_is_one_caller(build_client, one, other, status):
    client = build_client(rate_limit="1/minute")
    client.get("/", environ_base={"REMOTE_ADDR": one})
    assert client.get("/", environ_base={"REMOTE_ADDR": other}).status_code == status


def test_a_429_names_the_policy_it_is_about(build_client):
    client = build_client(rate_limit="1/minute")
    client.get("/")
    problem = client.get("/").json
    assert (problem["type"], problem["violated-policies"]) == (
        "https://iana.org/assignments/http-problem-types#quota-exceeded", ["default"],
    )  # fmt: skip


def test_health_is_never_limited(build_client):
    client = build_client(rate_limit="1/minute")
    assert get_statuses(client, 5, "/health/live") == [200] * 5


class TestLoggingIn:
    def try_logins(self, client, count, body=WRONG, address="127.0.0.1"):
        return [
            client.post("/api/v1/tokens", json=body, environ_base={"REMOTE_ADDR": address}).status_code
            for _ in range(count)
        ]

    def test_counts_a_name_however_it_is_spelled(self, build_client):
        client = build_client(login_rate_limit="2/minute")
        statuses = [
            self.try_logins(client, 1, {**WRONG, "username": name}) for name in ("ada", "ADA", "\uff21da")
        ]
        assert statuses == [[401], [401], [429]]

    def test_leaves_other_accounts_alone(self, build_client, customer):
        client = build_client(login_rate_limit="1/minute")
        self.try_logins(client, 2, {**WRONG, "username": "grace"}, "10.0.0.1")
        right = {"username": "ada", "password": "walnut-and-brass"}
        assert self.try_logins(client, 1, right, "10.0.0.2") == [200]

    def test_costs_nothing_when_it_succeeds(self, build_client, customer):
        client = build_client(login_rate_limit="2/minute")
        right = {"username": "ada", "password": "walnut-and-brass"}
        assert self.try_logins(client, 5, right) == [200] * 5

    @pytest.mark.parametrize("body", [{}, {"username": 7}, {"username": ["ada"]}])
    def test_with_words_of_the_wrong_shape_is_refused_and_no_more(self, build_client, body):
        assert self.try_logins(build_client(login_rate_limit="5/minute"), 1, body) == [400]


class TestWithoutRedis:
    """Without Redis the shop must continue, and its limits must hold."""

    @pytest.fixture
    def client_without_redis(self, variant):
        from tests.servers import find_free_port

        return variant(
            rate_limit="2/minute", redis_url=f"redis://127.0.0.1:{find_free_port()}/0"
        ).test_client()

    def test_limits_go_on_in_the_process(self, client_without_redis):
        assert get_statuses(client_without_redis, 3) == [200, 200, 429]

    def test_answers_come_as_fast_as_ever(self, client_without_redis):
        began = time.monotonic()
        get_statuses(client_without_redis, 2)
        assert time.monotonic() - began < 1
