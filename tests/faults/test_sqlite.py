"""SQLite is locked by another process, or the disk is full."""

import resource
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import requests

from tests.load import buying
from tests.running import serving


def test_while_another_process_holds_the_database_it_is_read_and_writers_come_again(sqlite_shop):
    with serving(sqlite_shop.url) as (shop,), buying([shop.root], sqlite_shop.token, clients=7) as buyers:
        with closing(sqlite3.connect(find_database_file(sqlite_shop), isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(9)
            assert buyers.count_refused() > 0
            assert requests.get(f"{shop.root}/products", timeout=1).status_code == 200
        assert buyers.can_buy()
    assert buyers.find_flaws(sqlite_shop) == []


def find_database_file(stocked_shop) -> Path:
    return Path(stocked_shop.url.removeprefix("sqlite:///"))


def test_while_the_disk_is_full_the_shop_is_read_and_takes_orders_again_when_it_is_not(sqlite_shop):
    with serving(sqlite_shop.url) as (shop,), buying([shop.root], sqlite_shop.token) as buyers:
        limit_file_size(shop, 4096)
        before = len(buyers.acknowledged)
        while buyers.count_refused() < 16:
            time.sleep(0.05)
        assert requests.get(f"{shop.root}/products", timeout=1).status_code == 200
        assert len(buyers.acknowledged) <= before + 8
        limit_file_size(shop, resource.RLIM_INFINITY)
        assert buyers.can_buy()
    assert buyers.find_flaws(sqlite_shop) == []


def limit_file_size(shop, size: int) -> None:
    """Limit the size of the files that this process may write."""
    resource.prlimit(shop.popen.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
