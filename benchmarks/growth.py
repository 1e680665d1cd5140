"""The cost of requests, memory and start-up as the catalogue grows.

python -m benchmarks.growth [--sizes 1000 100000] [--databases sqlite] [--rounds 3]
"""

import argparse
import http.client
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from math import isfinite
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit

from click import echo

from benchmarks import floors, stage
from benchmarks.charts import Bar, draw_chart
from benchmarks.databases import DATABASES, ServerNotFound, open_databases
from benchmarks.entries import CONTESTANTS
from benchmarks.machine import describe_machine
from benchmarks.questions import QUESTIONS
from benchmarks.report import build_table
from benchmarks.stage import Server
from benchmarks.weight import measure_import, measure_weights
from benchmarks.workloads import FIRST_NUMBER, NUMBER

SIZES = [1000, 10_000, 100_000, 1_000_000]
TIMES, LONGEST = 20, 1.0  # each question is asked so often in a round, but for at most so many seconds
Times = dict[tuple[str, int], list[float]]  # by question and size, milliseconds


@contextmanager
def start_shops(kind: str, sizes: Sequence[int]) -> Iterator[dict[int, Server]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="growth-")))
        open_database = stack.enter_context(open_databases(kind, folder))
        shop, servers = CONTESTANTS["shop"], {}
        for size in sizes:
            echo(f"{kind}: {size:,} products", err=True)
            shop.fill(url := open_database(f"shop-{size}"), size)
            server = stage.start_server(shop.command, shop.settings(url), shop.root, "/products/1")
            servers[size] = stack.enter_context(server)
        yield servers


def time_requests(connection: http.client.HTTPConnection, path: str, numbers: "count[int]") -> list[float]:
    """Return the milliseconds of each answer; a refusal counts as infinite."""
    times: list[float] = []
    end = time.monotonic() + LONGEST
    while len(times) < TIMES and (not times or time.monotonic() < end):
        sent = path.replace(NUMBER, str(next(numbers)))
        began = time.perf_counter()
        connection.request("GET", sent)
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
    numbers = count(FIRST_NUMBER)
    for _ in range(rounds):
        for (question, size), path in paths.items():
            url = urlsplit(path if path.startswith("http") else servers[size].root + path)
            times[question, size] += time_requests(lines[size], f"{url.path}?{url.query}", numbers)
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


class Growth(NamedTuple):
    """What was measured on one database."""

    kind: str
    sizes: Sequence[int]
    weights: dict[str, list[str]]
    times: Times

    def build_text(self) -> str:
        heads = [f"{size:,}" for size in self.sizes]
        table = build_table("products", [*heads, "last / first"], build_rows(self.times, self.sizes))
        weights = build_table("products", heads, self.weights)
        return f"## {floors.TITLES[self.kind]}\n\nMilliseconds, medians:\n\n{table}\n\n{weights}"

    def build_panel(self) -> dict[str, Sequence[Bar]]:
        title = f"{self.kind}: {self.sizes[-1]:,} products, as times of what {self.sizes[0]:,} take"
        return {title: build_bars(self.times, self.sizes)}

    def build_measured(self) -> floors.Measured:
        """Return what the floors of growth are compared with."""
        ends = self.sizes[-1], self.sizes[0]
        measured = {}
        for floor in floors.GROWTH_FLOORS:
            large, small = (median(self.times[floor.workload, size]) for size in ends)
            measured[floor.workload, floor.against] = large / small
        measured[floors.MEMORY.workload, floors.REST] = float(self.weights[floors.REST][0])
        return measured


def measure_growth(kind: str, sizes: Sequence[int], rounds: int) -> Growth:
    with start_shops(kind, sizes) as servers:
        return Growth(kind, sizes, measure_weights(servers), measure_questions(servers, rounds))


def select_floors(kind: str) -> list[floors.Floor]:
    return [*floors.GROWTH_FLOORS, *([floors.MEMORY] if kind == "postgresql" else [])]


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--databases", nargs="+", default=DATABASES, choices=DATABASES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=20_000, help="of the file that is imported")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a floor is missed")
    parser.add_argument("--into", type=Path, default=Path("docs/benchmarks"))
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code."""
    options = parse_arguments(arguments)
    machine = describe_machine()
    try:
        grown = [measure_growth(kind, sorted(options.sizes), options.rounds) for kind in options.databases]
    except ServerNotFound as error:
        echo(str(error), err=True)
        return 2
    parts = [machine]
    for growth in grown:
        checked = floors.build_floor_table(select_floors(growth.kind), growth.build_measured())
        parts += [growth.build_text(), checked.rstrip()]
    page = "\n\n".join([*parts, "## Import", measure_import(options.rows, options.rounds)]) + "\n"
    echo(page)
    options.into.mkdir(parents=True, exist_ok=True)
    (options.into / "growth.md").write_text(f"# Growth\n\n{page}")
    panels = {title: bars for growth in grown for title, bars in growth.build_panel().items()}
    (options.into / "growth.svg").write_text(draw_chart(panels))
    codes = [
        floors.report_missed(growth.kind, select_floors(growth.kind), growth.build_measured())
        for growth in grown
        if options.check
    ]
    return max(codes, default=0)


if __name__ == "__main__":
    sys.exit(main())
