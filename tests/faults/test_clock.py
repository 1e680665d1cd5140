"""Two nodes whose clocks differ by an hour, and one node whose clock is set back."""

import shutil
import subprocess
import sys

import pytest
import requests

from tests.conftest import PASSWORD
from tests.load import build_order, buying
from tests.running import Process, post_json, serving

FAKETIME = {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}


@pytest.fixture
def skewed_nodes(sqlite_shop):
    """Two nodes of one shop, the second of them an hour ahead."""
    if not shutil.which("faketime"):
        pytest.skip("faketime is not installed")
    ahead = Process(sqlite_shop.url, settings=FAKETIME, before=("faketime", "-f", "+1h")).start()
    try:
        with serving(sqlite_shop.url) as (right,):
            yield right, ahead
    finally:
        ahead.kill()  # faketime is the parent process and forwards no signals


def log_in(node: Process) -> str:
    body = {"username": "ada", "password": PASSWORD}
    return requests.post(f"{node.root}/tokens", json=body, timeout=5).json()["access_token"]


def test_a_token_of_one_is_refused_by_the_other_and_nothing_breaks(skewed_nodes):
    tokens = [log_in(node) for node in skewed_nodes]
    answers = [
        [post_json(node.root, "/orders", build_order((1, 1)), token).status_code for token in tokens]
        for node in skewed_nodes
    ]
    assert answers == [[201, 401], [401, 201]]


def test_a_key_is_known_to_both(skewed_nodes):
    orders = [
        post_json(node.root, "/orders", build_order((1, 1)), log_in(node), "one").json()["id"]
        for node in skewed_nodes
    ]
    assert orders[0] == orders[1]


def test_a_node_that_is_ahead_sells_each_thing_once(skewed_nodes, sqlite_shop):
    _, ahead = skewed_nodes
    with buying([ahead.root], log_in(ahead)) as buyers:
        assert buyers.can_buy()
    assert buyers.find_flaws(sqlite_shop) == []


SET_CLOCK_BACK = """
import sys, time
from pathlib import Path
from shop.hypermedia.rate_limit_counters import MemoryCounters as Counters
store, before = Counters(), time.time()
store.incr("a", 60)
Path(sys.argv[1]).write_text("-3600")
print(before - time.time() > 1800, store.get("a"), 0 < store.get_expiry("a") - time.time() <= 60)
"""


def test_a_clock_that_is_set_back_makes_nobody_wait_longer(tmp_path):
    if not shutil.which("faketime"):
        pytest.skip("faketime is not installed")
    clock = tmp_path / "clock"
    clock.write_text("+0")
    live = {**FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    words = ["-u", "FAKETIME", *(f"{name}={word}" for name, word in live.items())]
    command = ["faketime", "-f", "+0", "env", *words, sys.executable, "-c", SET_CLOCK_BACK, clock]
    assert subprocess.check_output(command, text=True, timeout=20).split() == ["True", "1", "True"]
