"""All contestants of the benchmarks do the same work, and the reports show the results."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server

from benchmarks import charts, databases, floors, growth, load, report, stage
from benchmarks.__main__ import main
from benchmarks.catalogue import build_product
from benchmarks.databases import open_databases
from benchmarks.entries import CONTESTANTS
from benchmarks.floors import Floor
from benchmarks.load import Result
from benchmarks.rounds import Runner
from benchmarks.stage import Ready
from benchmarks.workloads import FIRST_NUMBER, NUMBER, Shot, build_shots

PRODUCTS = 1000
PRODUCT = {"id", "name", "description", "price", "stock", "created_at", "updated_at"}
ONLY = ("--only", "wsgi", "--only", "one product")
ORDER = {"id", "status", "total", "currency", "items", "created_at", "updated_at"}


@pytest.fixture(scope="module", params=CONTESTANTS)
def contestant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    if missing_modules := stage.find_missing(request.param):
        pytest.skip(f"{', '.join(missing_modules)} comes with the extra bench")
    folder = tmp_path_factory.mktemp("bench")
    with (
        open_databases("sqlite", folder) as open_database,
        stage.start_contestant(request.param, open_database, PRODUCTS) as ready,
    ):
        yield ready


def send_shot(ready: Ready, shot: Shot) -> requests.Response:
    url = ready.server.root + shot.path.replace(NUMBER, str(FIRST_NUMBER))
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


def test_every_contestant_answers_a_list_that_was_never_asked_for(contestant):
    build_shot(contestant, "list, first time")
    shots = build_shots("list, first time", contestant, PRODUCTS)
    pages = [send_shot(contestant, shot) for shot in (shots[0], shots[-1])]
    assert [len(get_items(page)) for page in pages] == [20, 20]
    assert all(each.keys() >= PRODUCT for page in pages for each in get_items(page))


def test_a_list_with_links_has_those_of_the_shop(contestant):
    if contestant.contestant.root != "/linked":
        pytest.skip("this list has no links")
    page = send_shot(contestant, Shot("/products?page=2")).json()
    assert page["total"] == PRODUCTS
    assert page["links"].keys() == {"self", "first", "prev", "next", "last", "search", "profile"}
    assert page["items"][0]["links"].keys() == {"self", "collection", "changes", "profile", "login"}


def test_an_order_is_read_only_with_the_token_of_its_owner(contestant):
    shot = build_shot(contestant, "own order")
    assert [item["quantity"] for item in send_shot(contestant, shot).json()["items"]] == [1, 1]
    assert send_shot(contestant, Shot(shot.path)).status_code == 401


def test_of_twenty_requests_with_logins_one_logs_in(contestant):
    build_shot(contestant, "read, write, log in")
    shots = build_shots("read, write, log in", contestant, PRODUCTS)
    logins = [shot for shot in shots if shot.path == "/tokens"]
    assert len(logins) * 20 == len(shots)
    assert "access_token" in send_shot(contestant, logins[0]).json()


def test_peers_import_nothing_of_the_shop():
    pytest.importorskip("fastapi", reason="fastapi comes with the extra bench")
    modules = ("bare", "flask_constant", "fastapi_sqlalchemy", "smorest", "drf")
    imports = "; ".join(f"import benchmarks.contestants.{module}" for module in modules)
    code = f"{imports}; import sys; sys.exit('shop' in sys.modules)"
    environ = os.environ | {"BENCH_DATABASE": "sqlite://", "BENCH_SECRET": "s"}
    assert subprocess.run([sys.executable, "-c", code], env=environ, timeout=60).returncode == 0


def test_peers_do_the_same_on_postgresql(tmp_path: Path):
    pytest.importorskip("fastapi", reason="fastapi comes with the extra bench")
    with open_databases("postgresql", tmp_path) as open_database, ExitStack() as stack:
        for name in ("fastapi", "drf"):
            ready = stack.enter_context(stage.start_contestant(name, open_database, 100))
            assert get_total(send_shot(ready, Shot("/products?min_price=1"))) == 100
            assert send_shot(ready, build_shots("checkout", ready, 100)[0]).status_code == 201


def test_without_a_server_there_is_no_run_on_postgresql(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(databases, "find_spec", lambda name: name == "psycopg")
    monkeypatch.setattr(databases.Path, "glob", lambda *_: [])
    monkeypatch.setenv("PATH", "")
    assert main(["--database", "postgresql"]) == 2
    assert capsys.readouterr().err.startswith("no PostgreSQL server found")


@contextmanager
def serve(app: Callable[..., Any]) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


@pytest.mark.parametrize("send", [load.send_load, load.run_threads])
def test_no_url_is_sent_twice(send):
    asked: list[str] = []

    def record(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        asked.append(environ["QUERY_STRING"])
        start_response("200 OK", [("Content-Length", "0")])
        return []

    shots = [Shot(f"/products?page=1&max_price={NUMBER}"), Shot(f"/products?page=2&max_price={NUMBER}")]
    with serve(record) as root:
        first = send(root, shots, 0.2)
        send(root, shots, 0.2, first.last)
    numbers = [int(query.rpartition("=")[2]) for query in asked]
    assert len(numbers) == len(set(numbers)) > 10
    assert min(numbers) > FIRST_NUMBER


def test_the_read_mix_has_one_order_in_twenty_requests(contestant):
    build_shot(contestant, "read mix")
    sent = build_shots("read mix", contestant, PRODUCTS)
    assert sum(shot.method == "POST" for shot in sent) * 20 == len(sent)


def test_a_run_writes_what_it_prints_and_needs_no_wrk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("PATH", "")
    assert main(["--seconds", "0.2", "--rounds", "1", *ONLY, "--into", str(tmp_path)]) == 0
    written = (tmp_path / "rates.md").read_text()
    assert written.removeprefix("# Rates on SQLite\n\n") in capsys.readouterr().out
    assert re.search(r"\| one product \| [1-9][\d,]* \(", written)
    assert "bare WSGI" in (tmp_path / "rates.svg").read_text()


def test_unanswered_requests_have_failed():
    found = load.run_threads(f"http://127.0.0.1:{stage.find_free_port()}", [Shot("/products/1")], 0.1)
    assert (found.rate, found.failed > 0) == (0, True)


def test_every_question_about_growth_is_answered():
    found = growth.measure_growth("sqlite", [100], 1)
    table = found.build_text()
    assert all(f"\n| {question} | " in table for question in growth.QUESTIONS)
    assert "inf" not in table
    assert found.build_measured()["q= half", floors.GROWTH] == 1


def test_a_question_that_is_refused_has_no_bar():
    assert growth.build_bar("q= rare", 1, float("inf")) == ("q= rare", 0, 0, 0, "refused")


def test_a_profile_names_the_parts_of_a_request(capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("pyinstrument", reason="pyinstrument comes with the extra bench")
    import_module("benchmarks.profile").main(["/api/v1/products/1", "--uncached", "--seconds", "0.3"])
    assert "shop/hypermedia/representations.py" in capsys.readouterr().out


def test_a_ratio_compares_the_runs_that_stood_side_by_side():
    slow, fast = ([Result(rate, 0, 1, 1, 1) for rate in rates] for rates in ((100, 10, 200), (200, 20, 100)))
    assert report.compare_rates(slow, fast) == (0.5, 0.5, 2.0)


def test_what_an_answer_costs_is_said_as_times_of_the_first():
    cheap, dear = ([Result(1000, 0, 1, 1, 1, 0, work)] for work in (0.5, 1))
    assert report.format_cost(cheap, dear) == "1,000 (2.00)"


def test_what_failed_is_said_beside_the_rate():
    assert report.format_rate([Result(10, 3, 1, 1, 1)]).endswith("**3 failed**")


def test_median_and_99th_percentile_stand_beside_the_rate():
    assert report.format_rate([Result(1000, 0, 1, 2, 30)]) == "1,000 (2 / 30 ms)"


@pytest.mark.parametrize(
    ("value", "verdict"), [(1.9, "**missed**"), (2, "floor"), (3, "goal"), (None, "**missed**")]
)
def test_a_floor_is_met_or_missed(value, verdict):
    floor, key = Floor("checkout", "fastapi", 2, 3), ("checkout", "fastapi")
    measured = {} if value is None else {key: value}
    assert floors.build_row(floor, measured)[-1] == verdict
    assert bool(floors.find_missed([floor], measured)) == (verdict == "**missed**")


def test_a_floor_of_at_most_is_missed_above_it():
    floor = Floor("memory of a worker", floors.REST, 85, 75, at_most=True)
    verdicts = [floors.build_row(floor, {(floor.workload, floors.REST): mib})[-1] for mib in (70, 80, 90)]
    assert verdicts == ["goal", "floor", "**missed**"]


def test_a_missed_floor_ends_a_check_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(floors.FLOORS, "sqlite", [Floor("one product", "wsgi", 1000, 1000)])
    monkeypatch.setattr("benchmarks.__main__.start_field", lambda *_: {})
    results = {"one product": {name: [Result(1000, 0, 1, 1, 1)] for name in ("shop", "wsgi")}}
    monkeypatch.setattr(Runner, "run_rounds", lambda *_: results)
    only = ["--only", "shop", *ONLY]
    assert main(["--quick", *only]) == 0
    assert main(["--quick", "--check", *only]) == 1
    assert (
        "missed on SQLite: one product, as times of bare WSGI, constant answer: 1.00, at least 1000"
        in capsys.readouterr().err
    )


def test_a_plot_shows_names_as_they_are():
    assert "A &amp; B" in charts.draw_chart({"rates": [charts.Bar("A & B", 1, 1, 1, "1")]})
