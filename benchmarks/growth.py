"""The cost of requests, memory and start-up as the catalogue grows.

python -m benchmarks.growth [--sizes 1000 100000] [--databases sqlite] [--rounds 3]
"""

import argparse
import http.client
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import isfinite
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import requests
from click import echo
from flask import Flask
from sqlalchemy import text

from benchmarks import goods, stage
from benchmarks.charts import Bar, draw_chart
from benchmarks.contestants import CONTESTANTS, ours
from benchmarks.machine import describe_machine
from benchmarks.report import build_table
from benchmarks.stage import Server
from benchmarks.weight import measure_import, measure_weights
from shop.services.search import index_batch
from shop.storage.transactions import Context, TransactionSession

SIZES, DATABASES = [1000, 10_000, 100_000, 1_000_000], ["sqlite", "postgresql"]
PER_PAGE, TIMES, LONGEST = (
    20,
    20,
    1.0,
)  # each question is asked TIMES times in a round, but for at most LONGEST seconds
Times = dict[tuple[str, int], list[float]]  # by question and size, milliseconds


def find_next_link(server: Server, size: int, depth: float) -> str:
    """Return the `next` link of a page at this depth of the catalogue."""
    number = max(1, int(size / PER_PAGE * depth))
    page = requests.get(f"{server.root}/products?page={number}", timeout=30)
    return str(page.json()["_links"]["next"]["href"])


QUESTIONS: dict[str, Callable[[Server, int], str]] = {
    "one product": lambda server, size: f"/products/{size // 2}",
    "first page": lambda server, size: "/products",
    "next at 1 %": lambda server, size: find_next_link(server, size, 0.01),
    "next at 50 %": lambda server, size: find_next_link(server, size, 0.5),
    "next at 99 %": lambda server, size: (
        find_next_link(server, size, 0.99) if size > 2000 else find_next_link(server, size, 0.98)
    ),
    "q= rare": lambda server, size: f"/products?q={goods.RARE}",
    "q= common": lambda server, size: f"/products?q={goods.COMMON}",
    "price range": lambda server, size: "/products?min_price=100&max_price=110",
    "price range, sorted by price": lambda server, size: "/products?min_price=100&max_price=110&sort=price",
    "sorted by name": lambda server, size: "/products?sort=name",
    "sorted by price": lambda server, size: "/products?sort=price",
    "sorted by stock": lambda server, size: "/products?sort=stock",
    "sorted by created_at": lambda server, size: "/products?sort=created_at",
}


@contextmanager
def open_databases(kind: str, folder: Path) -> Iterator[Callable[[int], str]]:
    """Yield a function that returns the URL of an empty database for each size."""
    if kind == "sqlite":
        yield lambda size: ours.build_url(folder / f"{size}.db")
        return
    from tests.conftest import fresh_postgres  # the extra `test` brings a PostgreSQL
    from tests.servers import postgres

    with postgres() as server, ExitStack() as stack:
        yield lambda size: stack.enter_context(fresh_postgres(server))


@contextmanager
def start_shops(kind: str, sizes: Sequence[int]) -> Iterator[dict[int, Server]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="growth-")))
        fresh, servers = stack.enter_context(open_databases(kind, folder)), {}
        for size in sizes:
            echo(f"{kind}: {size:,} products", err=True)
            finish_background_work(goods.fill_shop(url := fresh(size), size))
            shop = CONTESTANTS["shop"]
            command, settings = shop.command, ours.settings(url)
            servers[size] = stack.enter_context(
                stage.start_server(command, settings, shop.root, "/products/1")
            )
        yield servers


def finish_background_work(app: Flask) -> None:
    """Do now what the shop and PostgreSQL would do in the background within minutes."""
    with app.app_context():
        engine = app.extensions["shop"].engine
    with TransactionSession(engine) as session, Context(session).transaction():
        while index_batch(session.connection()):
            pass
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for each in ("VACUUM ANALYZE", "SELECT kept_total_gather()", "VACUUM"):
                connection.execute(text(each))
    engine.dispose()


def time_requests(connection: http.client.HTTPConnection, path: str) -> list[float]:
    """Return the milliseconds of each answer; a refusal counts as infinite."""
    times: list[float] = []
    end = time.monotonic() + LONGEST
    while len(times) < TIMES and (not times or time.monotonic() < end):
        began = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        times.append((time.perf_counter() - began) * 1000 if answer.status == 200 else float("inf"))
    return times


def measure_questions(servers: dict[int, Server], rounds: int) -> Times:
    """Ask every question at every size in turn, in each round."""
    paths = {(question, size): build_url(server, size) for question, build_url in QUESTIONS.items()
             for size, server in servers.items()}  # fmt: skip
    times: Times = {each: [] for each in paths}
    lines = {size: http.client.HTTPConnection(urlsplit(server.root).netloc, timeout=60)
             for size, server in servers.items()}  # fmt: skip
    for _ in range(rounds):
        for (question, size), path in paths.items():
            url = urlsplit(path if path.startswith("http") else servers[size].root + path)
            times[question, size] += time_requests(lines[size], f"{url.path}?{url.query}")
    return times


def build_rows(times: Times, sizes: Sequence[int]) -> dict[str, list[str]]:
    medians = {question: [median(times[question, size]) for size in sizes] for question in QUESTIONS}
    return {
        question: [*(f"{each:.2f}" for each in row), f"{row[-1] / row[0]:.2f}"]
        for question, row in medians.items()
    }


def build_bars(times: Times, sizes: Sequence[int]) -> list[Bar]:
    """Build a bar for each question: the time at the largest size as a multiple of that at the smallest."""
    ends = sizes[0], sizes[-1]
    return [build_bar(question, *(median(times[question, size]) for size in ends)) for question in QUESTIONS]


def build_bar(question: str, small: float, large: float) -> Bar:
    ratio = large / small
    length, note = (ratio, f"{ratio:.2f}") if isfinite(ratio) else (0, "refused")
    return Bar(question, length, length, length, note)


def measure_growth(kind: str, sizes: Sequence[int], rounds: int) -> tuple[str, dict[str, Sequence[Bar]]]:
    """Return the tables and the chart panel of one database."""
    with start_shops(kind, sizes) as servers:
        weights, times = measure_weights(servers), measure_questions(servers, rounds)
    heads = [f"{size:,}" for size in sizes]
    table = build_table("products", [*heads, "last / first"], build_rows(times, sizes))
    words = f"## {kind}\n\nMilliseconds, medians:\n\n{table}\n\n{build_table('products', heads, weights)}"
    return words, {
        f"{kind}: {heads[-1]} products, as times of what {heads[0]} take": build_bars(times, sizes)
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--databases", nargs="+", default=DATABASES, choices=DATABASES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=20_000, help="of the file that is imported")
    parser.add_argument("--into", type=Path, default=Path("docs/benchmarks"))
    options = parser.parse_args(arguments)
    before, parts, panels = describe_machine(), [], {}
    for kind in options.databases:
        words, panel = measure_growth(kind, sorted(options.sizes), options.rounds)
        parts.append(words)
        panels |= panel
    page = "\n\n".join([before, *parts, "## Import", measure_import(options.rows, options.rounds)]) + "\n"
    echo(page)
    options.into.mkdir(parents=True, exist_ok=True)
    (options.into / "growth.md").write_text(f"# Growth\n\n{page}")
    (options.into / "growth.svg").write_text(draw_chart(panels))


if __name__ == "__main__":
    main()
