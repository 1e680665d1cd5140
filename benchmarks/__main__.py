"""The shop beside its peers and the limit of the machine, in one run.

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
from benchmarks.machine import machine
from benchmarks.stage import Ready, Server
from benchmarks.workloads import Shot, shots

PRODUCTS = 1000


def chosen(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2, help="of each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--products", type=int, default=PRODUCTS)
    parser.add_argument("--only", action="append", default=[], choices=[*ALL, *CONTESTANTS])
    parser.add_argument("--into", type=Path, default=Path("docs/benchmarks"))
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = chosen(arguments)
    before = machine()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        field = {
            name: stack.enter_context(stage.ready(name, folder, options.products))
            for name in picked(options.only, CONTESTANTS)
            if not absent(name)
        }
        found = race(field, picked(options.only, ALL), options)
    runs = f"{options.rounds} rounds of {options.seconds:g} s; {options.products:,} products"
    text = f"{before}\n\n{load.tool()}; {runs}.\n\n{report.tables(found)}"
    echo(text)
    options.into.mkdir(parents=True, exist_ok=True)
    (options.into / "rates.md").write_text(f"# Rates\n\n{text}")
    (options.into / "rates.svg").write_text(report.plot(found))


def picked(only: Sequence[str], known: Sequence[str] | dict[str, object]) -> list[str]:
    """Those that were asked for; all, if none of this kind was."""
    return [each for each in known if each in only] or [*known]


def absent(name: str) -> bool:
    if lacking := stage.missing(name):
        echo(f"without {name}: {', '.join(lacking)} is not installed (pip install '.[bench]')", err=True)
    return bool(lacking)


def race(field: dict[str, Ready], workloads: Sequence[str], options: argparse.Namespace) -> report.Found:
    """Every round has every run once, side by side, so that a slow minute of the machine is everybody's."""
    lanes = {
        (workload, name): shots(workload, who, options.products)
        for workload in workloads
        for name, who in field.items()
        if workload in who.contestant.plays
    }
    for (_, name), lane in lanes.items():
        run(field[name].server, lane, min(1, options.seconds))
    found: report.Found = {workload: {} for workload, _ in lanes}
    for number in range(options.rounds):
        echo(f"round {number + 1} of {options.rounds}", err=True)
        for (workload, name), lane in lanes.items():
            result = run(field[name].server, lane, options.seconds)
            found[workload].setdefault(name, []).append(result)
    return found


def run(server: Server, lane: Sequence[Shot], seconds: float) -> Result:
    before = server.work()
    return replace(load.fire(server.root, lane, seconds), work=server.work() - before)


if __name__ == "__main__":
    main()
