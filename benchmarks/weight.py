"""The memory of the shop, and the time that it takes to start and to import products."""

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
from benchmarks.catalogue import FIRST_DATE, build_batches
from benchmarks.contestants import ours
from benchmarks.stage import Server
from benchmarks.workloads import Shot


def measure_weights(servers: dict[int, Server]) -> dict[str, list[str]]:
    """Measure the start and the memory, at rest and under load; call this before other requests."""
    rest = [server.read_memory() for server in servers.values()]
    for server in servers.values():
        load.send_load(server.root, [Shot("/products"), Shot("/products/1")], 1)
    return {
        "seconds until it answers": [f"{server.start:.2f}" for server in servers.values()],
        "MiB at rest": [f"{each:.0f}" for each in rest],
        "MiB at most under load": [f"{server.read_memory('VmHWM'):.0f}" for server in servers.values()],
    }


def measure_import(count: int, rounds: int) -> str:
    """Compare the rows per second of `shop import` with those of sqlite3's executemany."""
    with tempfile.TemporaryDirectory(prefix="import-") as folder:
        pairs = [
            (
                time_shop_import(Path(folder) / f"{number}.db", count),
                time_executemany(Path(folder) / f"{number}-plain.db", count),
            )
            for number in range(rounds)
        ]
    rates = [f"{count / median(each[way] for each in pairs):,.0f}" for way in (0, 1)]
    ratio = median(ours / theirs for ours, theirs in pairs)
    return (
        f"Import of {count:,} rows: {rates[0]} a second; executemany: {rates[1]}; {ratio:.1f} times as long."
    )


def time_shop_import(path: Path, count: int) -> float:
    """Return the seconds that `shop import` takes, without its start."""
    goods.fill_shop(ours.build_url(path), 0)
    return run_import(path, count) - run_import(path, 1)


def run_import(path: Path, count: int) -> float:
    file = path.with_suffix(".csv")
    with file.open("w", newline="") as text:
        sheet = csv.writer(text)
        sheet.writerow(["name", "description", "price", "stock"])
        for batch in build_batches(count):
            sheet.writerows(
                [each["name"], each["description"], each["price"] / 100, each["stock"]] for each in batch
            )
    began = time.monotonic()
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "shop.cli", "import", str(file)],
        env=os.environ | ours.settings(ours.build_url(path)), check=True, capture_output=True, timeout=600,
    )  # fmt: skip
    return time.monotonic() - began


def time_executemany(path: Path, count: int) -> float:
    """Return the seconds for the same rows, in the same table with the same indexes, in one transaction."""
    goods.fill_shop(ours.build_url(path), 0)
    entries = [
        goods.build_row(each, FIRST_DATE.isoformat(" ")) for batch in build_batches(count) for each in batch
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
