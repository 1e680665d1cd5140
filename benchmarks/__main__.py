"""Compare the shop with other frameworks and with the limit of the server, in one run.

python -m benchmarks [--quick] [--database postgresql] [--check] [--only WORKLOAD|CONTESTANT]...
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from click import echo

from benchmarks import floors, load, report, stage
from benchmarks.databases import DATABASES, ServerNotFound, open_databases
from benchmarks.entries import ALL, CONTESTANTS, QUICK
from benchmarks.floors import Floor
from benchmarks.machine import describe_machine
from benchmarks.rounds import Runner, measure_shares
from benchmarks.stage import Ready

PRODUCTS = 1000
LONG_RUN, QUICK_RUN = (5, 2.0), (4, 1.0)  # rounds, and seconds of each run
INTO = Path("docs/benchmarks")


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three minutes: fewer rounds, only FastAPI")
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a floor is missed")
    parser.add_argument("--rounds", type=int, help="5, or 4 with --quick")
    parser.add_argument("--seconds", type=float, help="of each run: 2, or 1 with --quick")
    parser.add_argument("--products", type=int, default=PRODUCTS)
    parser.add_argument("--only", action="append", default=[], choices=[*ALL, *CONTESTANTS])
    parser.add_argument("--into", type=Path, help=f"the folder of the tables: {INTO}, or none with --quick")
    options = parser.parse_args(arguments)
    rounds, seconds = QUICK_RUN if options.quick else LONG_RUN
    options.rounds, options.seconds = options.rounds or rounds, options.seconds or seconds
    options.into = options.into or (None if options.quick else INTO)
    options.workloads = select_names(options.only, ALL) or [*ALL]
    default = QUICK if options.quick else CONTESTANTS
    options.contestants = select_names(options.only, CONTESTANTS) or [*default]
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code."""
    options = parse_arguments(arguments)
    try:
        return run_benchmarks(options)
    except ServerNotFound as error:
        echo(str(error), err=True)
        return 2


def run_benchmarks(options: argparse.Namespace) -> int:
    machine, expected = describe_machine(), select_floors(options)
    with ExitStack() as stack:
        field = start_field(stack, options)
        results = Runner(field, options.workloads, options.products).run_rounds(
            options.rounds, options.seconds
        )
        memory = report.build_memory_table(field)
    measured = floors.compare_results(results)
    if "shop" in field:
        measured[floors.MEMORY.workload, floors.REST] = field["shop"].memory
    if any(floor.against == floors.BARE for floor in expected):
        measured["checkout", floors.BARE] = median(measure_shares(options.rounds))
    checked = floors.build_floor_table(expected, measured) if expected else ""
    parts = [machine, describe_runs(options), report.build_tables(results), report.describe_waits(results)]
    text = "\n\n".join(part.rstrip("\n") for part in [*parts, memory, checked] if part) + "\n"
    echo(text)
    if options.into:
        write_report(options.into, options.database, text, report.draw_plot(results))
    return floors.report_missed(options.database, expected, measured) if options.check else 0


def start_field(stack: ExitStack, options: argparse.Namespace) -> dict[str, Ready]:
    """Start every contestant that was chosen, each with its own database."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
    open_database = stack.enter_context(open_databases(options.database, folder))
    return {
        name: stack.enter_context(stage.start_contestant(name, open_database, options.products))
        for name in options.contestants
        if can_take_part(name, options.workloads)
    }


def describe_runs(options: argparse.Namespace) -> str:
    runs = f"rounds of {options.seconds:g} s: {options.rounds}; {options.products:,} products"
    return f"{floors.TITLES[options.database]}; {load.describe_tool()}; {runs}."


def select_names(only: Sequence[str], known: Iterable[str]) -> list[str]:
    return [name for name in known if name in only]


def select_floors(options: argparse.Namespace) -> list[Floor]:
    """Return the floors of what was chosen to run."""
    if "shop" not in options.contestants:
        return []
    return [
        floor
        for floor in floors.FLOORS[options.database]
        if floor is floors.MEMORY
        or (floor.workload in options.workloads and floor.against in (*options.contestants, floors.BARE))
    ]


def can_take_part(name: str, workloads: Sequence[str]) -> bool:
    if missing_modules := stage.find_missing(name):
        missing = ", ".join(missing_modules)
        echo(f"without {name}: {missing} is not installed (pip install '.[bench]')", err=True)
    return not missing_modules and any(workload in CONTESTANTS[name].plays for workload in workloads)


def write_report(folder: Path, database: str, text: str, plot: str) -> None:
    name = "rates" if database == "sqlite" else f"rates-{database}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(f"# Rates on {floors.TITLES[database]}\n\n{text}")
    (folder / f"{name}.svg").write_text(plot)


if __name__ == "__main__":
    sys.exit(main())
