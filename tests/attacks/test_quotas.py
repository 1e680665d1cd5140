"""The limits cannot be bypassed, and other callers cannot lock a caller out."""

import pytest

from shop.hypermedia.rate_limits import CEILING

RIGHT = {"username": "ada", "password": "walnut-and-brass"}
WRONG = {"username": "ada", "password": "wrong-password"}


def get_statuses(client, count, url="/api/v1/products", **kwargs):
    return [client.get(url, **kwargs).status_code for _ in range(count)]


def log_in(client, body, address="10.0.0.1", count=1):
    return [client.post("/api/v1/tokens", json=body, environ_base={"REMOTE_ADDR": address}).status_code
            for _ in range(count)]  # fmt: skip


@pytest.mark.parametrize(
    "url", ["/", "/api/v1/products", "/api/v1/changes", "/docs", "/openapi/v1.json", "/graphql"]
)
def test_a_star_is_not_free(variant, url):
    client = variant(rate_limit="3/minute").test_client()
    assert get_statuses(client, 9, url, headers={"If-None-Match": "*"})[3:] == [429] * 6


@pytest.mark.parametrize("url", ["/", "/api/v1/products"])
def test_a_304_from_the_cache_is_free_up_to_a_ceiling(variant, url):
    client = variant(rate_limit="2/minute").test_client()
    tag = client.get(url).headers["ETag"]
    answers = get_statuses(client, 2 * CEILING + 2, url, headers={"If-None-Match": tag})
    assert answers == [304] * (2 * CEILING + 1) + [429]


def test_a_304_that_cost_as_much_as_a_200_is_not_free(variant, customer):
    client = variant(rate_limit="3/minute").test_client()
    tag = client.get("/api/v1/orders", headers=customer.headers).headers["ETag"]
    answers = get_statuses(client, 3, "/api/v1/orders", headers={**customer.headers, "If-None-Match": tag})
    assert answers == [304, 304, 429]


def test_the_page_of_the_explorer_is_free_up_to_a_ceiling(variant):
    client = variant(rate_limit="1/minute").test_client()
    assert get_statuses(client, CEILING + 1, "/", headers={"Accept": "text/html"}) == [200] * CEILING + [429]


def test_files_are_free_up_to_a_ceiling(variant):
    client = variant(rate_limit="1/minute").test_client()
    assert get_statuses(client, CEILING + 1, "/graphql/static/nothing.js") == [404] * CEILING + [429]


def test_the_accounts_of_an_address_share_a_ceiling(variant, person):
    client = variant(rate_limit="2/minute").test_client()
    people = [person(f"user{n}") for n in range(CEILING + 1)]
    answers = [get_statuses(client, 2, headers=each.headers) for each in people]
    assert answers == [[200, 200]] * CEILING + [[429, 429]]


def test_a_ceiling_says_which_it_is_and_when_it_ends(variant, person):
    client = variant(rate_limit="1/minute").test_client()
    for n in range(CEILING):
        client.get("/", headers=person(f"user{n}").headers)
    answer = client.get("/", headers=person("last").headers)
    assert (answer.json["violated-policies"], 0 < int(answer.headers["Retry-After"]) <= 60) == (
        ["address"],
        True,
    )


def test_an_account_has_its_quota_at_every_address(variant, customer):
    client = variant(rate_limit="1/minute").test_client()
    answers = [client.get("/", headers=customer.headers, environ_base={"REMOTE_ADDR": f"10.0.0.{n}"}).status_code
               for n in range(2)]  # fmt: skip
    assert answers == [200, 429]


class TestLoggingIn:
    @pytest.fixture
    def client(self, variant, customer):
        return variant(login_rate_limit="3/minute").test_client()

    def test_is_limited_by_account_and_address_together(self, client):
        assert log_in(client, WRONG, count=4) == [401, 401, 401, 429]

    def test_from_elsewhere_goes_on_while_a_stranger_tries(self, client):
        log_in(client, WRONG, "10.0.0.66", count=5)
        assert log_in(client, RIGHT, "10.0.0.1") == [200]

    def test_of_an_office_is_not_one_login(self, client, person):
        person("bob")
        log_in(client, WRONG, count=5)
        assert log_in(client, {**RIGHT, "username": "bob"}) == [200]

    def test_has_a_ceiling_for_an_account_over_all_addresses(self, client):
        tries = [log_in(client, WRONG, f"10.0.{n}.1")[0] for n in range(3 * CEILING + 1)]
        assert tries == [401] * (3 * CEILING) + [429]

    def test_has_a_ceiling_for_an_address_over_all_accounts(self, client):
        tries = [log_in(client, {**WRONG, "username": f"user{n}"})[0] for n in range(3 * CEILING + 1)]
        assert tries == [401] * (3 * CEILING) + [429]

    def test_from_an_address_that_it_was_made_from_before_is_never_shut_out_by_others(self, client):
        log_in(client, RIGHT, "10.0.0.1")
        for n in range(3 * CEILING + 5):
            log_in(client, WRONG, f"10.0.{n}.1")
        assert [log_in(client, RIGHT, address) for address in ("10.0.0.1", "10.0.0.2")] == [[200], [429]]

    def test_from_a_known_address_is_still_limited_there(self, client):
        log_in(client, RIGHT)
        assert log_in(client, WRONG, count=4) == [401, 401, 401, 429]

    def test_says_why_it_is_refused_and_until_when(self, client):
        log_in(client, WRONG, count=3)
        refused = client.post("/api/v1/tokens", json=WRONG, environ_base={"REMOTE_ADDR": "10.0.0.1"})
        assert (refused.json["violated-policies"], 0 < int(refused.headers["Retry-After"]) <= 60) == (
            ["login"],
            True,
        )
