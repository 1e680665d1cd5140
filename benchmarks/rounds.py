"""Run every workload of every contestant once in each round, so that a slow minute affects all."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from click import echo

from benchmarks import load
from benchmarks.checkout import build_bare_checkout, build_shop, measure_share
from benchmarks.load import Result
from benchmarks.report import Results
from benchmarks.stage import Ready
from benchmarks.workloads import FIRST_NUMBER, Shot, build_shots

RunKey = tuple[str, str]  # workload and contestant


class Runner:
    """The runs of all workloads and contestants, with the last number that each has put into a URL."""

    def __init__(self, field: dict[str, Ready], workloads: Sequence[str], products: int) -> None:
        self.field = field
        self.shots: dict[RunKey, list[Shot]] = {
            (workload, name): build_shots(workload, ready, products)
            for workload in workloads
            for name, ready in field.items()
            if workload in ready.contestant.plays
        }
        self.last_numbers = dict.fromkeys(self.shots, FIRST_NUMBER)

    def run_rounds(self, count: int, seconds: float) -> Results:
        results: Results = {workload: {} for workload, _ in self.shots}
        for key in self.shots:
            self.run_workload(key, min(1, seconds))
        for number in range(count):
            echo(f"round {number + 1} of {count}", err=True)
            for workload, name in self.shots:
                result = self.run_workload((workload, name), seconds)
                results[workload].setdefault(name, []).append(result)
        return results

    def run_workload(self, key: RunKey, seconds: float) -> Result:
        server = self.field[key[1]].server
        before = server.read_processor_time()
        result = load.send_load(server.root, self.shots[key], seconds, self.last_numbers[key])
        self.last_numbers[key] = result.last
        return replace(result, work=server.read_processor_time() - before)


def measure_shares(count: int) -> list[float]:
    """Return the shop's checkouts as shares of those of bare sqlite3, one for each round."""
    with tempfile.TemporaryDirectory(prefix="checkout-") as folder:
        app = build_shop(folder)
        plain = build_bare_checkout(str(Path(folder) / "bench.db"))
        measure_share(app, plain)
        return [measure_share(app, plain) for _ in range(count)]
