"""The shop as real processes, for tests that need several or kill them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.conftest import KEY
from tests.servers import find_free_port, wait_for_port

TIMEOUT = 30


@dataclass
class Process:
    """`shop serve` on a free port."""

    url: str
    port: int = field(default_factory=find_free_port)
    settings: dict[str, str] = field(default_factory=dict)
    module: str = "shop.cli"
    command: str = "serve"
    before: tuple[str, ...] = ()
    popen: subprocess.Popen | None = None

    @property
    def home(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def root(self) -> str:
        return f"{self.home}/api/v1"

    def start(self) -> "Process":
        environ = {
            **os.environ, "SHOP_SECRET_KEY": KEY, "SHOP_DATABASE_URL": self.url, "SHOP_LOG_LEVEL": "ERROR",
            "SHOP_RATE_LIMIT": "1000000/second", "SHOP_MAX_UNPAID_ORDERS": "1000000", **self.settings,
        }  # fmt: skip
        command = [*self.before, sys.executable, "-m", self.module, self.command, "--port", str(self.port)]
        self.popen = subprocess.Popen(command, env=environ, start_new_session=True)
        wait_for_port(self.port, TIMEOUT)
        return self

    def kill(self) -> None:
        """Kill all its processes at once."""
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(TIMEOUT)

    def stop(self) -> int:
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(TIMEOUT)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children")
        return [int(pid) for pid in children.read_text().split()]


@contextmanager
def serving(url: str, count: int = 1, **settings: str) -> Iterator[list[Process]]:
    processes = [Process(url, settings=settings).start() for _ in range(count)]
    try:
        yield processes
    finally:
        for process in processes:
            process.stop()


def post_json(root: str, path: str, body: object, token: str, key: str | None = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}", **({"Idempotency-Key": key} if key else {})}
    return requests.post(root + path, json=body, headers=headers, timeout=TIMEOUT)
