"""`wsgi.py` on another server: gunicorn with two workers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import KEY
from tests.load import build_order, build_shop, count_left, count_sold, send_requests
from tests.running import post_json
from tests.servers import find_free_port, wait_for_port


@pytest.fixture
def stocked_shop(tmp_path):
    return build_shop(f"sqlite:///{tmp_path / 'shop.db'}")


@pytest.fixture
def root(stocked_shop) -> Iterator[str]:
    port = find_free_port()
    environ = {
        **os.environ,
        "SHOP_SECRET_KEY": KEY,
        "SHOP_DATABASE_URL": stocked_shop.url,
        "SHOP_LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "4", "--bind", f"127.0.0.1:{port}",
               "--log-level", "error", "wsgi:app"]  # fmt: skip
    with subprocess.Popen(command, env=environ, cwd=Path(__file__).parent.parent) as process:
        try:
            wait_for_port(port)
            yield f"http://127.0.0.1:{port}/api/v1"
        finally:
            process.terminate()


def test_a_checkout_works_in_every_worker(root, stocked_shop):
    one = build_order((1, 1000))
    statuses = send_requests(
        [root], 120, lambda root, _: post_json(root, "/orders", one, stocked_shop.token).status_code, 8
    )
    assert (statuses, stocked_shop.read(count_left), stocked_shop.read(count_sold)) == (
        {201: 100, 409: 20},
        {1: 0},
        {1: 100_000},
    )
