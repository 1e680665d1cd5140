"""Compare the shop with other frameworks and with the limit of the server, in one run.

python -m benchmarks [--seconds 2] [--rounds 5] [--only WORKLOAD|CONTESTANT]... [--into docs/benchmarks]
"""

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from click import echo

from benchmarks import load, report, stage
from benchmarks.contestants import ALL, CONTESTANTS
from benchmarks.load import Result
from benchmarks.machine import describe_machine
from benchmarks.stage import Ready, Server
from benchmarks.workloads import Shot, build_shots

PRODUCTS = 1000


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2, help="of each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--products", type=int, default=PRODUCTS)
    parser.add_argument("--only", action="append", default=[], choices=[*ALL, *CONTESTANTS])
    parser.add_argument("--into", type=Path, default=Path("docs/benchmarks"))
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    before = describe_machine()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        field = {
            name: stack.enter_context(stage.start_contestant(name, folder, options.products))
            for name in select_names(options.only, CONTESTANTS)
            if not is_absent(name)
        }
        found = run_rounds(field, select_names(options.only, ALL), options)
    runs = f"{options.rounds} rounds of {options.seconds:g} s; {options.products:,} products"
    text = f"{before}\n\n{load.describe_tool()}; {runs}.\n\n{report.build_tables(found)}"
    echo(text)
    options.into.mkdir(parents=True, exist_ok=True)
    (options.into / "rates.md").write_text(f"# Rates\n\n{text}")
    (options.into / "rates.svg").write_text(report.draw_plot(found))


def select_names(only: Sequence[str], known: Sequence[str] | dict[str, object]) -> list[str]:
    """Return the selected names of this kind; all, if none is selected."""
    return [each for each in known if each in only] or [*known]


def is_absent(name: str) -> bool:
    if missing_modules := stage.find_missing(name):
        echo(
            f"without {name}: {', '.join(missing_modules)} is not installed (pip install '.[bench]')",
            err=True,
        )
    return bool(missing_modules)


def run_rounds(
    field: dict[str, Ready], workloads: Sequence[str], options: argparse.Namespace
) -> report.Results:
    """Run every workload of every contestant once in each round, so that a slow minute affects all."""
    shots_by_run = {
        (workload, name): build_shots(workload, ready, options.products)
        for workload in workloads
        for name, ready in field.items()
        if workload in ready.contestant.plays
    }
    for (_, name), workload_shots in shots_by_run.items():
        run_workload(field[name].server, workload_shots, min(1, options.seconds))
    found: report.Results = {workload: {} for workload, _ in shots_by_run}
    for number in range(options.rounds):
        echo(f"round {number + 1} of {options.rounds}", err=True)
        for (workload, name), workload_shots in shots_by_run.items():
            result = run_workload(field[name].server, workload_shots, options.seconds)
            found[workload].setdefault(name, []).append(result)
    return found


def run_workload(server: Server, workload_shots: Sequence[Shot], seconds: float) -> Result:
    before = server.read_processor_time()
    return replace(
        load.send_load(server.root, workload_shots, seconds), work=server.read_processor_time() - before
    )


if __name__ == "__main__":
    main()
