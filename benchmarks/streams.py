"""Streams of events beside reads: what 500 clients that listen cost everybody else.

python -m benchmarks.streams [--streams 500] [--changes 10] [--rounds 3] [--seconds 2]
"""

import argparse
import json
import selectors
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import requests
from click import echo

from benchmarks import stage
from benchmarks.contestants import ours
from benchmarks.load import Result, send_load
from benchmarks.stage import Server
from benchmarks.workloads import build_list_shot, build_product_shot

PRODUCTS, SHOTS = 1000, 20


class Listeners:
    """Clients that listen to all changes, and when each event came."""

    def __init__(self, root: str, count: int) -> None:
        parts = urlsplit(root)
        self.selector = selectors.DefaultSelector()
        self.arrivals: list[float] = []
        self.stopping = threading.Event()
        words = (
            f"GET {parts.path}/changes HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: text/event-stream\r\n\r\n"
        )
        for _ in range(count):
            connection = socket.create_connection((parts.hostname, parts.port))
            connection.sendall(words.encode())
            self.selector.register(connection, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self) -> None:
        while not self.stopping.is_set():
            for key, _ in self.selector.select(0.1):
                count = key.fileobj.recv(65536).count(b"event: ")  # type: ignore[union-attr]
                self.arrivals += [time.monotonic()] * count

    def close(self) -> None:
        self.stopping.set()
        self.thread.join()
        for key in [*self.selector.get_map().values()]:
            key.fileobj.close()  # type: ignore[union-attr]


@contextmanager
def place_orders(root: str, headers: dict[str, str], rate: float) -> Iterator[list[float]]:
    """Place orders of one line at this rate; yields the times at which they were answered."""
    times: list[float] = []
    stopping = threading.Event()

    def run() -> None:
        body = json.dumps({"items": [{"product_id": 1, "quantity": 1}]})
        while not stopping.wait(1 / rate):
            requests.post(f"{root}/orders", body, headers=headers, timeout=10)
            times.append(time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield times
    finally:
        stopping.set()
        thread.join()


def measure_reads(server: Server, seconds: float) -> Result:
    shots = [make(number) for number in range(SHOTS) for make in (build_list_shot, build_one_shot)]
    return send_load(server.root, shots, seconds)


def build_one_shot(number: int):
    return build_product_shot(number, PRODUCTS)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--changes", type=float, default=10, help="orders a second while they listen")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    return parser.parse_args()


def main() -> None:
    chosen = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="streams-") as folder:
        url = ours.build_url(Path(folder) / "shop.db")
        ours.fill(url, PRODUCTS)
        command = "-m shop.cli serve --port={port}"
        with stage.start_server(command, ours.settings(url), "/api/v1", "/products/1") as server:
            headers = {**ours.log_in(server.root), "Content-Type": "application/json"}
            rows = [measure_round(server, headers, chosen) for _ in range(chosen.rounds)]
    print_rows(rows, chosen)


def measure_round(server: Server, headers: dict[str, str], chosen: argparse.Namespace) -> dict[str, float]:
    """Return the medians of reads alone, beside listeners, and beside listeners and changes."""
    alone = measure_reads(server, chosen.seconds)
    listeners = Listeners(server.root, chosen.streams)
    time.sleep(1)
    idle = measure_reads(server, chosen.seconds)
    with place_orders(server.root, headers, chosen.changes) as times:
        busy = measure_reads(server, chosen.seconds)
    time.sleep(1.5)
    listeners.close()
    with place_orders(server.root, headers, chosen.changes):
        orders_alone = measure_reads(server, chosen.seconds)
    return {
        "reads alone, ms": alone.middle,
        "99th percentile": alone.slow,
        "beside listeners, ms": idle.middle,
        "99th percentile beside listeners": idle.slow,
        "beside orders, ms": orders_alone.middle,
        "99th percentile beside orders": orders_alone.slow,
        "beside listeners and orders, ms": busy.middle,
        "99th percentile beside both": busy.slow,
        "events that came, of those expected": len(listeners.arrivals) / max(1, len(times) * chosen.streams),
    }


def print_rows(rows: list[dict[str, float]], chosen: argparse.Namespace) -> None:
    echo(f"{chosen.streams} streams, {chosen.changes:g} orders a second, medians of {chosen.rounds} rounds")
    for name in rows[0]:
        echo(f"{name:40} {median(row[name] for row in rows):8.2f}")


if __name__ == "__main__":
    main()
