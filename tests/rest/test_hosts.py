"""The Host headers that are accepted, and the address that a caller is counted by."""

import pytest

from shop.hypermedia.callers import group_address

BACKENDS = ["sqlite"]


@pytest.fixture
def get_with_host(variant):
    """Sends a request with this Host header to a shop that trusts `hosts`."""

    def get_with_host(host, path="/", hosts=""):
        return variant(trusted_hosts=hosts).test_client().get(path, headers={"Host": host})

    return get_with_host


@pytest.mark.parametrize(
    "host", ["a b", "a/b", 'evil"example', "shop.example:0", "shop.example:99999", "[::1", ""]
)
def test_what_is_no_host_name_is_a_problem(get_with_host, host):
    answer = get_with_host(host)
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    assert answer.json["detail"].startswith("Host must be")


def test_a_host_of_others_is_a_problem(get_with_host):
    answer = get_with_host("evil.example", hosts="shop.example")
    assert (answer.status_code, answer.json["detail"]) == (
        400,
        "Host must be a name that this service answers to.",
    )


@pytest.mark.parametrize("host", ["shop.example", "SHOP.Example", "shop.example:8000", "a.shop.org", "A.B.SHOP.ORG", "shop.org",
                                  "[::1]", "[::1]:8000"])  # fmt: skip
def test_a_trusted_host_is_served_however_it_is_written(get_with_host, host):
    assert get_with_host(host, hosts="Shop.example,.shop.org,[::1]:8000").status_code == 200


@pytest.mark.parametrize("host", ["myshop.org", "shop.org.evil", "[::2]", "shop.example.evil"])
def test_a_host_that_only_looks_like_a_trusted_one_is_refused(get_with_host, host):
    assert get_with_host(host, hosts="shop.example,.shop.org,[::1]:8000").status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "evil.example", "a b"])
@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_answers_whatever_the_host(get_with_host, host, path):
    assert get_with_host(host, path, hosts="shop.example").status_code == 200


def test_links_have_the_host_in_small_letters(get_with_host):
    assert (
        get_with_host("SHOP.example").json["_links"]["products"]["href"]
        == "http://shop.example/api/v1/products"
    )


@pytest.mark.parametrize(
    ("remote", "key"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1:5000", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("[::ffff:10.0.0.1]:5000", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("[2001:db8::1]", "2001:db8::/64"),
        ("[2001:db8::1%eth0]:5000", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        *[
            (text, "unknown")
            for text in (
                "",
                None,
                "unix:",
                "unix:/run/shop.sock",
                "/run/shop.sock",
                "shop.example",
                ":",
                "1" * 5000,
            )
        ],
    ],
)
def test_a_caller_is_counted_by_its_address_alone(remote, key):
    assert group_address(remote) == key


@pytest.mark.parametrize("remote", ["10.0.0.1:5000", "unix:", "", "/run/shop.sock", "[::1"])
def test_no_remote_address_makes_the_shop_fail(anonymous, remote):
    assert anonymous.get("/", environ_base={"REMOTE_ADDR": remote}).status_code == 200
