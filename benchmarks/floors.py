"""The floors that `--check` holds the shop to, and the goals."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from click import echo

from benchmarks.entries import CONTESTANTS
from benchmarks.report import Results, build_table, compare_rates

BARE, REST, GROWTH = "bare sqlite3", "MiB at rest", "the smallest catalogue"
Measured = dict[tuple[str, str], float]  # by workload and by what it is compared with


class Floor(NamedTuple):
    """How many times the rate of the other one the shop must have, or `at_most` may have."""

    workload: str
    against: str
    floor: float
    goal: float
    at_most: bool = False

    def describe(self) -> str:
        title = CONTESTANTS[self.against].title if self.against in CONTESTANTS else self.against
        return f"{self.workload}, {'' if self.against == REST else 'as times of '}{title}"

    def describe_bound(self) -> str:
        return f"at {'most' if self.at_most else 'least'} {self.floor:g}"

    def is_met_by(self, value: float) -> bool:
        return value <= self.floor if self.at_most else value >= self.floor

    def is_goal_met_by(self, value: float) -> bool:
        return value <= self.goal if self.at_most else value >= self.goal


SQLITE = [
    Floor("list, logged in", "fastapi", 4, 6),
    Floor("own order", "fastapi", 3, 4),
    Floor("list, first time", "fastapi-links", 2.2, 3),
    Floor("list, first time", "fastapi-plain", 1, 1),
    Floor("one product", "fastapi", 4.5, 5.4),
    Floor("conditional GET", "fastapi", 4.9, 5.88),
    Floor("list of 20", "fastapi", 7.6, 9.12),
    Floor("filtered search", "fastapi", 4.4, 5.28),
    Floor("checkout", "fastapi", 2.5, 3),
    Floor("checkout", BARE, 0.5, 0.6),
]
MEMORY = Floor("memory of a worker", REST, 85, 75, at_most=True)
POSTGRESQL = [
    Floor("list, logged in", "fastapi", 2, 3),
    Floor("own order", "fastapi", 2, 3),
    Floor("list, first time", "fastapi-links", 2, 3),
    Floor("one product", "fastapi", 2, 3),
    Floor("list of 20", "fastapi", 2, 3),
    Floor("filtered search", "fastapi", 2, 3),
    Floor("checkout", "fastapi", 1.5, 3),
    MEMORY,
]
FLOORS = {"sqlite": SQLITE, "postgresql": POSTGRESQL}
TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
GROWTH_FLOORS = [
    Floor("q= half", GROWTH, 3, 1.5, at_most=True),
    Floor("wide price range", GROWTH, 3, 1.5, at_most=True),
]


def compare_results(results: Results) -> Measured:
    """Return the median of the ratios of the shop to each other contestant."""
    return {
        (workload, name): compare_rates(runs["shop"], runs[name]).middle
        for workload, runs in results.items()
        if "shop" in runs
        for name in runs
    }


def find_missed(floors: Iterable[Floor], measured: Measured) -> list[Floor]:
    """Return the floors that were missed; what was not measured is missed too."""
    return [
        floor
        for floor in floors
        if (key := (floor.workload, floor.against)) not in measured or not floor.is_met_by(measured[key])
    ]


def build_floor_table(floors: Sequence[Floor], measured: Measured) -> str:
    lines = {floor.describe(): build_row(floor, measured) for floor in floors}
    return f"Floors and goals:\n\n{build_table('', ['measured', 'floor', 'goal', ''], lines)}\n"


def build_row(floor: Floor, measured: Measured) -> list[str]:
    value = measured.get((floor.workload, floor.against))
    row = [floor.describe_bound(), f"{floor.goal:g}"]
    if value is None:
        return ["not measured", *row, "**missed**"]
    verdict = "goal" if floor.is_goal_met_by(value) else "floor" if floor.is_met_by(value) else "**missed**"
    return [f"{value:.2f}", *row, verdict]


def report_missed(database: str, floors: Iterable[Floor], measured: Measured) -> int:
    """Name the floors that were missed; return the exit code."""
    missed = find_missed(floors, measured)
    for floor in missed:
        value = measured.get((floor.workload, floor.against))
        found = "not measured" if value is None else f"{value:.2f}, {floor.describe_bound()}"
        echo(f"missed on {TITLES[database]}: {floor.describe()}: {found}", err=True)
    return int(bool(missed))
