"""Servers on loopback: begun, waited for, and ended."""

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

from benchmarks.contestants import CONTESTANTS, Contestant

PATIENCE = 60


@dataclass(frozen=True)
class Server:
    root: str
    pid: int
    start: float  # seconds until it answered for the first time

    def processes(self) -> list[Path]:
        """Of the server and its children, what the kernel tells."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [Path("/proc") / str(pid) for pid in (self.pid, *children)]

    def memory(self, field: str = "VmRSS") -> float:
        """MiB: resident now, or at most so far (VmHWM)."""
        texts = [(each / "status").read_text() for each in self.processes()]
        lines = [line.split() for text in texts for line in text.splitlines()]
        return sum(int(words[1]) for words in lines if words[0] == f"{field}:") / 1024

    def work(self) -> float:
        """Seconds of processor time spent so far."""
        texts = [(each / "stat").read_text().rpartition(")")[2] for each in self.processes()]
        return sum(int(ticks) for text in texts for ticks in text.split()[11:13]) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Ready:
    """A contestant with its goods, that answers."""

    contestant: Contestant
    server: Server
    headers: dict[str, str]


def missing(name: str) -> list[str]:
    return [module for module in CONTESTANTS[name].needs if find_spec(module) is None]


@contextmanager
def ready(name: str, folder: Path, products: int) -> Iterator[Ready]:
    contestant, path = CONTESTANTS[name], folder / f"{name}.db"
    contestant.fill(path, products)
    with running(contestant.command, contestant.environ(path), contestant.root, "/products") as server:
        yield Ready(contestant, server, contestant.headers(server.root))


@contextmanager
def running(command: str, environ: dict[str, str], root: str, first: str) -> Iterator[Server]:
    port = free_port()
    words = [sys.executable, *command.format(port=port).split()]
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603
        words, env=os.environ | environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}{root}"
    try:
        wait(process, url + first, began + PATIENCE)
        yield Server(url, process.pid, time.monotonic() - began)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def wait(process: subprocess.Popen[bytes], url: str, end: float) -> None:
    while not answers(url):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"it does not answer: {' '.join(map(str, process.args))}")
        time.sleep(0.02)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
