"""Start servers on loopback, wait for them and stop them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import requests

from benchmarks.databases import OpenDatabase
from benchmarks.entries import CONTESTANTS, Contestant

TIMEOUT = 60


@dataclass(frozen=True)
class Server:
    root: str
    pid: int
    start: float  # seconds until it answered for the first time

    def find_processes(self) -> list[Path]:
        """Return the /proc folders of the server and its children."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [Path("/proc") / str(pid) for pid in (self.pid, *children)]

    def read_memory(self, field: str = "VmRSS") -> float:
        """Return the resident memory in MiB: now, or the peak (VmHWM)."""
        texts = [(each / "status").read_text() for each in self.find_processes()]
        lines = [line.split() for text in texts for line in text.splitlines()]
        return sum(int(words[1]) for words in lines if words[0] == f"{field}:") / 1024

    def read_processor_time(self) -> float:
        """Return the seconds of processor time used so far."""
        texts = [(each / "stat").read_text().rpartition(")")[2] for each in self.find_processes()]
        return sum(int(ticks) for text in texts for ticks in text.split()[11:13]) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Ready:
    """A running contestant with its products."""

    contestant: Contestant
    server: Server
    headers: dict[str, str]
    memory: float  # MiB at rest


def find_missing(name: str) -> list[str]:
    return [module for module in CONTESTANTS[name].needs if find_spec(module) is None]


@contextmanager
def start_contestant(name: str, open_database: OpenDatabase, products: int) -> Iterator[Ready]:
    contestant, url = CONTESTANTS[name], open_database(name)
    contestant.fill(url, products)
    with start_server(contestant.command, contestant.settings(url), contestant.root, "/products") as server:
        memory = server.read_memory()  # before the log-in, which takes memory for hashing
        yield Ready(contestant, server, contestant.headers(server.root), memory)


@contextmanager
def start_server(command: str, environ: dict[str, str], root: str, first: str) -> Iterator[Server]:
    port = find_free_port()
    words = [sys.executable, *command.format(port=port).split()]
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603
        words, env=os.environ | environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}{root}"
    try:
        wait_for_answer(process, url + first, began + TIMEOUT)
        yield Server(url, process.pid, time.monotonic() - began)
    finally:
        process.terminate()
        process.wait(TIMEOUT)


def wait_for_answer(process: subprocess.Popen[bytes], url: str, end: float) -> None:
    while not is_answering(url):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"it does not answer: {' '.join(map(str, process.args))}")
        time.sleep(0.02)


def is_answering(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
