"""`wsgi.py` under a server of somebody else's: gunicorn, with two workers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import KEY
from tests.load import left, lines, rush, sold, stage
from tests.running import call
from tests.servers import free_port, listening


@pytest.fixture
def scene(tmp_path):
    return stage(f"sqlite:///{tmp_path / 'shop.db'}")


@pytest.fixture
def root(scene) -> Iterator[str]:
    port = free_port()
    environ = {
        **os.environ,
        "SHOP_SECRET_KEY": KEY,
        "SHOP_DATABASE_URL": scene.url,
        "SHOP_LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "4", "--bind", f"127.0.0.1:{port}",
               "--log-level", "error", "wsgi:app"]  # fmt: skip
    with subprocess.Popen(command, env=environ, cwd=Path(__file__).parent.parent) as process:
        try:
            listening(port)
            yield f"http://127.0.0.1:{port}/api/v1"
        finally:
            process.terminate()


def test_a_checkout_works_in_every_worker(root, scene):
    one = lines((1, 1000))
    statuses = rush([root], 120, lambda root, _: call(root, "/orders", one, scene.token).status_code, 8)
    assert (statuses, scene.rows(left), scene.rows(sold)) == ({201: 100, 409: 20}, {1: 0}, {1: 100_000})
