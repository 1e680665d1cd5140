"""SQLite locked by another process, and a disk that is full."""

import resource
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import requests

from tests.load import shopping
from tests.running import serving


def test_while_another_process_holds_the_database_it_is_read_and_writers_come_again(small):
    with serving(small.url) as (shop,), shopping([shop.root], small.token, clients=7) as load:
        with closing(sqlite3.connect(file(small), isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(9)
            assert load.refused() > 0
            assert requests.get(f"{shop.root}/products", timeout=1).status_code == 200
        assert load.goes_on()
    assert load.flaws(small) == []


def file(scene) -> Path:
    return Path(scene.url.removeprefix("sqlite:///"))


def test_while_the_disk_is_full_the_shop_is_read_and_takes_orders_again_when_it_is_not(small):
    with serving(small.url) as (shop,), shopping([shop.root], small.token) as load:
        limit(shop, 4096)
        before = len(load.acknowledged)
        while load.refused() < 16:
            time.sleep(0.05)
        assert requests.get(f"{shop.root}/products", timeout=1).status_code == 200
        assert len(load.acknowledged) <= before + 8
        limit(shop, resource.RLIM_INFINITY)
        assert load.goes_on()
    assert load.flaws(small) == []


def limit(shop, size: int) -> None:
    """No file of this process may be written beyond this size."""
    resource.prlimit(shop.popen.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
