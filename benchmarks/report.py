"""What was found, as tables in Markdown: medians, and ratios that were taken run by run."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.charts import Bar, chart
from benchmarks.contestants import CONTESTANTS
from benchmarks.load import Result

Found = dict[str, dict[str, list[Result]]]  # by workload and contestant, a result of each round


class Spread(NamedTuple):
    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(median(values), min(values), max(values))


def rates(runs: Sequence[Result]) -> Spread:
    return Spread.of([run.rate for run in runs])


def ratio(first: Sequence[Result], other: Sequence[Result]) -> Spread:
    """How many times the other's rate the first has; only runs that stood side by side are compared."""
    return Spread.of([ours.rate / (theirs.rate or 1) for ours, theirs in zip(first, other, strict=True)])


def table(corner: str, columns: Sequence[str], rows: dict[str, Sequence[str]]) -> str:
    lines = [[corner, *columns], ["---", *["---:"] * len(columns)]]
    lines += [[name, *row] for name, row in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spoken(runs: Sequence[Result]) -> str:
    failed = sum(run.failed for run in runs)
    slow = median(run.slow for run in runs)
    return f"{rates(runs).middle:,.0f} ({slow:.0f} ms)" + (f" **{failed} failed**" if failed else "")


def costs(first: Sequence[Result], other: Sequence[Result]) -> str:
    """The processor time of an answer, and as times of the first's."""
    mine, theirs = (median(run.cost for run in runs) for runs in (first, other))
    return f"{theirs:,.0f}" if first is other else f"{theirs:,.0f} ({theirs / (mine or 1):.2f})"


def compared(first: Sequence[Result], other: Sequence[Result]) -> str:
    found = ratio(first, other)
    return f"{found.middle:.2f} ({found.low:.2f}-{found.high:.2f})"


def cells(
    found: Found, names: Sequence[str], write: Callable[[dict[str, list[Result]], str], str]
) -> dict[str, Sequence[str]]:
    return {
        workload: [write(runs, name) if name in runs else "" for name in names]
        for workload, runs in found.items()
    }


def tables(found: Found) -> str:
    names = [name for name in CONTESTANTS if any(name in runs for runs in found.values())]
    titles, first = [CONTESTANTS[name].title for name in names], names[0]
    beside = {workload: runs for workload, runs in found.items() if first in runs}
    relative = cells(beside, names[1:], lambda runs, name: compared(runs[first], runs[name]))
    work = cells(beside, names, lambda runs, name: costs(runs[first], runs[name]))
    parts = [
        "Answers a second, medians of the rounds; in brackets what 99 of 100 stay under:",
        table("", titles, cells(found, names, lambda runs, name: spoken(runs[name]))),
        "Microseconds of the server's processor time for each answer; in brackets as times of the first:",
        table("", titles, work),
        f"How many times the rate of each {titles[0]} has, median and spread of the rounds:",
        table("", titles[1:], relative),
    ]
    return "\n\n".join(parts if names[1:] else parts[:-2]) + "\n"


def bar(name: str, runs: Sequence[Result]) -> Bar:
    spread = rates(runs)
    return Bar(CONTESTANTS[name].title, *spread, f"{spread.middle:,.0f}")


def plot(found: Found) -> str:
    return chart({
        f"{workload}, answers a second": [bar(name, runs) for name, runs in by.items()]
        for workload, by in found.items()
    })  # fmt: skip
