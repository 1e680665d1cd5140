"""The load test for teams: it follows links, keeps to Retry-After, and its exit code is the verdict."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from benchmarks import load_test, visitor
from benchmarks.load_test import main
from benchmarks.visitor import Visitor
from tests.conftest import PASSWORD
from tests.test_benchmarks import serve

BACKENDS = ["sqlite"]
SHORT = ("--seconds", "0.5", "--connections", "2")
HOME = {"_links": {"products": {"href": "/products"}}}
PAGE = {"_embedded": {"item": []}, "_links": {}}


@pytest.fixture
def shop_url(first_url: str, product: Callable[..., int], person: Callable[..., Any]) -> str:
    """A shop with two pages of products, and a customer."""
    for number in range(21):
        product(f"Walnut desk {number}")
    person("ada")
    return first_url


@pytest.fixture
def api() -> Iterator[Callable[..., Any]]:
    """Serves these answers by path: a status, a document and headers."""
    with_answers: dict[str, list[tuple[str, Any, dict[str, str]]]] = {}

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        answers = with_answers[environ["PATH_INFO"]]
        status, document, headers = answers[0] if len(answers) == 1 else answers.pop(0)
        start_response(status, [("Content-Type", "application/hal+json"), *headers.items()])
        return [json.dumps(document).encode()]

    with serve(answer) as root:

        def fill(**answers: Any) -> str:
            with_answers.update({f"/{path.removeprefix('home')}": each for path, each in answers.items()})
            return f"{root}/"

        yield fill


def test_a_shop_that_keeps_the_thresholds_passes(shop_url, capsys):
    thresholds = ("--p95", "5000", "--p99", "5000", "--errors", "0", "--rate", "1")
    assert main([shop_url, *SHORT, *thresholds, "--username", "ada", "--password", PASSWORD]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n| {rel} | " in printed for rel in ("home", "products", "item", "next", "search", "orders"))


def test_a_threshold_that_cannot_be_kept_ends_with_1(shop_url, capsys):
    assert main([shop_url, *SHORT, "--p95", "0.001"]) == 1
    assert "missed: the 95th percentile is" in capsys.readouterr().err


def test_a_wrong_password_ends_the_test_before_it_begins(shop_url, capsys):
    assert main([shop_url, *SHORT, "--username", "ada", "--password", "wrong-and-brass"]) == 1
    assert capsys.readouterr().err.startswith("cannot log in: ")


def test_a_server_that_is_not_there_fails(capsys):
    assert main(["http://127.0.0.1:1/", *SHORT]) == 1
    printed = capsys.readouterr()
    assert "home: ConnectionRefusedError" in printed.out
    assert "no request was answered" in printed.err


@pytest.mark.parametrize("url", ["shop.example", "http://", "http://shop.example:port/"])
def test_a_url_has_to_name_a_server(url):
    with pytest.raises(SystemExit) as end:
        main([url])
    assert end.value.code == 2


def test_too_many_requests_are_waited_out_and_are_no_error(api, capsys):
    busy = ("429 Too Many Requests", {}, {"Retry-After": "0.1"})
    root = api(home=[busy, ("200 OK", HOME, {})], products=[("200 OK", PAGE, {})])
    assert main([root, *SHORT, "--errors", "0"]) == 0
    assert "waited after 429: 1 times" in capsys.readouterr().out


def test_too_many_requests_can_be_counted_as_errors(api):
    root = api(home=[("429 Too Many Requests", {}, {"Retry-After": "30"})])
    assert main([root, *SHORT, "--errors", "0", "--count-429"]) == 1


def test_a_wait_ends_with_the_test(api):
    root, began = api(home=[("429 Too Many Requests", {}, {"Retry-After": "3600"})]), time.monotonic()
    assert main([root, *SHORT]) == 1
    assert time.monotonic() - began < 5


def test_errors_are_counted_by_the_link_that_was_followed(api, capsys):
    root = api(home=[("200 OK", HOME, {})], products=[("500 Internal Server Error", {}, {})])
    assert main([root, *SHORT, "--errors", "1"]) == 1
    assert "products: status 500" in capsys.readouterr().out


@pytest.mark.parametrize("home", [{"_links": None}, {"_links": {"products": {"title": "x"}}}, [1, 2]])
def test_an_answer_that_cannot_be_used_is_an_error(api, capsys, home):
    assert main([api(home=[("200 OK", home, {})]), *SHORT, "--errors", "0"]) == 1
    assert "home: cannot use the answer: " in capsys.readouterr().out


def test_links_to_another_server_are_not_followed(api, capsys):
    away = {"_links": {"products": {"href": "http://127.0.0.1:1/products"}}}
    assert main([api(home=[("200 OK", away, {})]), *SHORT, "--errors", "0"]) == 1
    assert "products: the link leads to another server" in capsys.readouterr().out


def test_retry_after_is_a_number_or_a_date():
    assert visitor.parse_retry_after("7") == 7
    assert visitor.parse_retry_after("Thu, 01 Jan 1970 00:00:00 GMT") == 0
    assert visitor.parse_retry_after("-1") == 0
    assert visitor.parse_retry_after("nan") == visitor.parse_retry_after("inf") == visitor.PAUSE
    assert visitor.parse_retry_after("soon") == visitor.parse_retry_after(None) == visitor.PAUSE


def test_percentiles_are_those_of_the_sorted_times():
    assert [load_test.get_percentile(range(100, 0, -1), percent) for percent in (50, 99)] == [51, 100]


def test_a_link_that_is_missing_is_an_error():
    guest = Visitor("http://shop.example/", time.monotonic() + 1, dict)
    with pytest.raises(visitor.Lost):
        guest.follow({}, "products")
    assert guest.answers.errors == {("products", "there is no such link"): 1}
