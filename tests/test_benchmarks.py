"""All contestants of the benchmarks do the same work, and the reports show the results."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import requests

from benchmarks import charts, growth, load, report, stage
from benchmarks.__main__ import main
from benchmarks.contestants import CONTESTANTS
from benchmarks.goods import build_product
from benchmarks.load import Result
from benchmarks.stage import Ready
from benchmarks.workloads import Shot, build_shots

PRODUCTS = 1000
PRODUCT = {"id", "name", "description", "price", "stock", "created_at", "updated_at"}
ONLY = ("--only", "wsgi", "--only", "one product")
ORDER = {"id", "status", "total", "currency", "items", "created_at", "updated_at"}


@pytest.fixture(scope="module", params=CONTESTANTS)
def contestant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    if missing_modules := stage.find_missing(request.param):
        pytest.skip(f"{', '.join(missing_modules)} comes with the extra bench")
    with stage.start_contestant(request.param, tmp_path_factory.mktemp("bench"), PRODUCTS) as ready:
        yield ready


def send_shot(ready: Ready, shot: Shot) -> requests.Response:
    url = ready.server.root + shot.path
    return requests.request(shot.method, url, headers=shot.headers, data=shot.body, timeout=10)


def get_items(answer: requests.Response) -> list[dict]:
    document = answer.json()
    if isinstance(document, list):
        return document
    return document.get("items") or document.get("results") or document["_embedded"]["item"]


def get_total(answer: requests.Response) -> int:
    document = answer.json()
    if isinstance(document, list):
        return json.loads(answer.headers["X-Pagination"])["total"]
    return document.get("total") or document["count"]


def build_shot(ready: Ready, workload: str) -> Shot:
    if workload not in ready.contestant.plays:
        pytest.skip(f"{ready.contestant.title} takes no part in this")
    return build_shots(workload, ready, PRODUCTS)[0]


def test_every_contestant_answers_a_product_with_the_same_fields(contestant):
    assert send_shot(contestant, build_shot(contestant, "one product")).json().keys() >= PRODUCT


def test_every_contestant_lists_twenty_products_with_the_same_fields(contestant):
    found = get_items(send_shot(contestant, build_shot(contestant, "list of 20")))
    assert len(found) == 20
    assert all(each.keys() >= PRODUCT for each in found)


def test_every_contestant_says_how_many_products_there_are(contestant):
    assert get_total(send_shot(contestant, build_shot(contestant, "list of 20"))) == PRODUCTS


def test_every_contestant_finds_the_same_products(contestant):
    answer = send_shot(contestant, build_shot(contestant, "filtered search"))
    goods = [build_product(number) for number in range(1, PRODUCTS + 1)]
    prices = sorted(each["price"] for each in goods if "oak" in each["name"] and each["price"] <= 40_000)
    assert get_total(answer) == len(prices)
    assert [round(each["price"] * 100) for each in get_items(answer)] == prices[:20]


def test_a_conditional_get_is_answered_in_full_only_by_who_has_no_validators(contestant):
    shot = build_shot(contestant, "conditional GET")
    assert send_shot(contestant, shot).status_code == (304 if shot.headers else 200)


def test_every_contestant_takes_orders_and_answers_with_the_same_fields(contestant):
    answer = send_shot(contestant, build_shot(contestant, "checkout"))
    assert answer.status_code == 201
    assert answer.json().keys() >= ORDER
    assert [each["quantity"] for each in answer.json()["items"]] == [1, 1]


def test_the_read_mix_has_one_order_in_twenty_requests(contestant):
    build_shot(contestant, "read mix")
    sent = build_shots("read mix", contestant, PRODUCTS)
    assert sum(shot.method == "POST" for shot in sent) * 20 == len(sent)


def test_a_run_writes_what_it_prints_and_needs_no_wrk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("PATH", "")
    main(["--seconds", "0.2", "--rounds", "1", *ONLY, "--into", str(tmp_path)])
    written = (tmp_path / "rates.md").read_text()
    assert written.removeprefix("# Rates\n\n") in capsys.readouterr().out
    assert re.search(r"\| one product \| [1-9][\d,]* \(", written)
    assert "bare WSGI" in (tmp_path / "rates.svg").read_text()


def test_requests_that_nobody_answers_have_failed():
    found = load.run_threads(f"http://127.0.0.1:{stage.find_free_port()}", [Shot("/products/1")], 0.1)
    assert (found.rate, found.failed > 0) == (0, True)


def test_every_question_about_growth_is_answered():
    table, _ = growth.measure_growth("sqlite", [100], 1)
    assert all(f"\n| {question} | " in table for question in growth.QUESTIONS)
    assert "inf" not in table


def test_a_question_that_is_refused_has_no_bar():
    assert growth.build_bar("q= rare", 1, float("inf")) == ("q= rare", 0, 0, 0, "refused")


def test_a_profile_names_the_parts_of_a_request(capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("pyinstrument", reason="pyinstrument comes with the extra bench")
    import_module("benchmarks.profile").main(["/api/v1/products/1", "--uncached", "--seconds", "0.3"])
    assert "shop/doors/rest/representations.py" in capsys.readouterr().out


def test_a_ratio_compares_the_runs_that_stood_side_by_side():
    slow, fast = ([Result(rate, 0, 1, 1) for rate in rates] for rates in ((100, 10, 200), (200, 20, 100)))
    assert report.compare_rates(slow, fast) == (0.5, 0.5, 2.0)


def test_what_an_answer_costs_is_said_as_times_of_the_first():
    cheap, dear = ([Result(1000, 0, 1, 1, work)] for work in (0.5, 1))
    assert report.format_cost(cheap, dear) == "1,000 (2.00)"


def test_what_failed_is_said_beside_the_rate():
    assert report.format_rate([Result(10, 3, 1, 1)]).endswith("**3 failed**")


def test_a_plot_shows_names_as_they_are():
    assert "A &amp; B" in charts.draw_chart({"rates": [charts.Bar("A & B", 1, 1, 1, "1")]})
