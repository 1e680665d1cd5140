"""The results as tables in Markdown: medians, and ratios of runs in the same round."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.charts import Bar, draw_chart
from benchmarks.entries import CONTESTANTS
from benchmarks.load import Result
from benchmarks.stage import Ready

LOGIN_MIX = "read, write, log in"
Results = dict[str, dict[str, list[Result]]]  # by workload and contestant, a result of each round


class Spread(NamedTuple):
    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(median(values), min(values), max(values))


def get_rates(runs: Sequence[Result]) -> Spread:
    return Spread.of([run.rate for run in runs])


def compare_rates(first: Sequence[Result], other: Sequence[Result]) -> Spread:
    """Compare the rate of the first with the other; only runs of the same round are compared."""
    return Spread.of([ours.rate / (theirs.rate or 1) for ours, theirs in zip(first, other, strict=True)])


def build_table(corner: str, columns: Sequence[str], rows: dict[str, Sequence[str]]) -> str:
    lines = [[corner, *columns], ["---", *["---:"] * len(columns)]]
    lines += [[name, *row] for name, row in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def format_rate(runs: Sequence[Result]) -> str:
    failed = sum(run.failed for run in runs)
    middle, slow = (median(getattr(run, name) for run in runs) for name in ("middle", "slow"))
    rate = f"{get_rates(runs).middle:,.0f} ({middle:.0f} / {slow:.0f} ms)"
    return rate + (f" **{failed} failed**" if failed else "")


def format_cost(first: Sequence[Result], other: Sequence[Result]) -> str:
    """Format the processor time of an answer, and its multiple of the first contestant's."""
    mine, theirs = (median(run.cost for run in runs) for runs in (first, other))
    return f"{theirs:,.0f}" if first is other else f"{theirs:,.0f} ({theirs / (mine or 1):.2f})"


def format_ratio(first: Sequence[Result], other: Sequence[Result]) -> str:
    results = compare_rates(first, other)
    return f"{results.middle:.2f} ({results.low:.2f}-{results.high:.2f})"


def build_cells(
    results: Results, names: Sequence[str], write: Callable[[dict[str, list[Result]], str], str]
) -> dict[str, Sequence[str]]:
    return {
        workload: [write(runs, name) if name in runs else "" for name in names]
        for workload, runs in results.items()
    }


def build_tables(results: Results) -> str:
    names = [name for name in CONTESTANTS if any(name in runs for runs in results.values())]
    titles, first = [CONTESTANTS[name].title for name in names], names[0]
    compared_runs = {workload: runs for workload, runs in results.items() if first in runs}
    relative = build_cells(compared_runs, names[1:], lambda runs, name: format_ratio(runs[first], runs[name]))
    work = build_cells(compared_runs, names, lambda runs, name: format_cost(runs[first], runs[name]))
    parts = [
        "Answers a second, medians of the rounds; in brackets the latency, median / 99th percentile:",
        build_table("", titles, build_cells(results, names, lambda runs, name: format_rate(runs[name]))),
        "Microseconds of the server's processor time for each answer; in brackets as times of the first:",
        build_table("", titles, work),
        f"How many times the rate of each {titles[0]} has, median and spread of the rounds:",
        build_table("", titles[1:], relative),
    ]
    return "\n\n".join(parts if names[1:] else parts[:-2]) + "\n"


def describe_waits(results: Results) -> str:
    """Describe how much longer than the median the slowest of a hundred take, while others log in."""
    shares = [
        f"{CONTESTANTS[name].title} {median(run.slow / (run.middle or 1) for run in runs):.1f}"
        for name, runs in results.get(LOGIN_MIX, {}).items()
    ]
    return f"{LOGIN_MIX}: the 99th percentile as times of the median: {', '.join(shares)}." if shares else ""


def build_memory_table(field: dict[str, Ready]) -> str:
    rows = {
        "at rest": [f"{ready.memory:.0f}" for ready in field.values()],
        "at most": [f"{ready.server.read_memory('VmHWM'):.0f}" for ready in field.values()],
    }
    titles = [ready.contestant.title for ready in field.values()]
    return f"Resident memory in MiB, with all processes:\n\n{build_table('', titles, rows)}\n"


def build_bar(name: str, runs: Sequence[Result]) -> Bar:
    spread = get_rates(runs)
    return Bar(CONTESTANTS[name].title, *spread, f"{spread.middle:,.0f}")


def draw_plot(results: Results) -> str:
    return draw_chart({
        f"{workload}, answers a second": [build_bar(name, runs) for name, runs in by.items()]
        for workload, by in results.items()
    })  # fmt: skip
