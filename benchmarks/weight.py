"""What the shop weighs: memory, the time it takes to start, and to import."""

import csv
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks import goods, load
from benchmarks.contestants import ours
from benchmarks.stage import Server
from benchmarks.workloads import Shot


def weights(servers: dict[int, Server]) -> dict[str, list[str]]:
    """To be asked before anything else is: what the shop weighs at rest, and at most under load."""
    rest = [server.memory() for server in servers.values()]
    for server in servers.values():
        load.fire(server.root, [Shot("/products"), Shot("/products/1")], 1)
    return {
        "seconds until it answers": [f"{server.start:.2f}" for server in servers.values()],
        "MiB at rest": [f"{each:.0f}" for each in rest],
        "MiB at most under load": [f"{server.memory('VmHWM'):.0f}" for server in servers.values()],
    }


def importing(count: int, rounds: int) -> str:
    """Rows a second of `shop import`, beside what sqlite3's executemany takes of the same rows."""
    with tempfile.TemporaryDirectory(prefix="import-") as folder:
        pairs = [
            (taken(Path(folder) / f"{number}.db", count), plain(Path(folder) / f"{number}-plain.db", count))
            for number in range(rounds)
        ]
    rates = [f"{count / median(each[way] for each in pairs):,.0f}" for way in (0, 1)]
    ratio = median(ours / theirs for ours, theirs in pairs)
    return (
        f"Import of {count:,} rows: {rates[0]} a second; executemany: {rates[1]}; {ratio:.1f} times as long."
    )


def taken(path: Path, count: int) -> float:
    """Seconds that `shop import` takes, without those it takes to start."""
    goods.stocked(ours.url(path), 0)
    return command(path, count) - command(path, 1)


def command(path: Path, count: int) -> float:
    file = path.with_suffix(".csv")
    with file.open("w", newline="") as text:
        sheet = csv.writer(text)
        sheet.writerow(["name", "description", "price", "stock"])
        for batch in goods.rows(count):
            sheet.writerows(
                [each["name"], each["description"], each["price"] / 100, each["stock"]] for each in batch
            )
    began = time.monotonic()
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "shop.cli", "import", str(file)],
        env=os.environ | ours.settings(ours.url(path)), check=True, capture_output=True, timeout=600,
    )  # fmt: skip
    return time.monotonic() - began


def plain(path: Path, count: int) -> float:
    """Seconds for the same rows, into the same table with the same indexes, in one transaction."""
    goods.stocked(ours.url(path), 0)
    entries = [
        goods.entry(each, goods.BEGINNING.isoformat(" ")) for batch in goods.rows(count) for each in batch
    ]
    names = [*entries[0]]
    statement = (
        f"INSERT INTO products ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"  # noqa: S608
    )
    began = time.monotonic()
    with sqlite3.connect(path) as connection:
        connection.executemany(statement, entries)
    connection.close()
    return time.monotonic() - began
