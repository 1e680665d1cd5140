"""Apollo Client sends persisted queries to /graphql: the hash, and the text only when the shop asks for it."""

import json
import subprocess
from typing import Any

import pytest

from tests.clients.conftest import GOODS, HERE
from tests.conftest import PASSWORD


@pytest.fixture(scope="module")
def journey(node: str, root: str) -> dict[str, Any]:
    command = [node, HERE / "apollo_journey.mjs", f"{root}graphql"]
    plain = {"PASSWORD": PASSWORD, "HOME": "/nonexistent"}
    ran = subprocess.run(command, env=plain, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")
    return json.loads(ran.stdout)


def test_it_lists_a_page_of_products(journey):
    assert journey["listed"] == sorted(GOODS)[:2]


def test_it_sends_the_text_once_and_then_only_the_hash(journey):
    by_hash, with_text = ["GET", False, True], ["POST", True, True]
    assert journey["sent"][:3] == [by_hash, with_text, by_hash]
    assert journey["same"]


def test_it_buys_by_a_persisted_mutation(journey):
    assert journey["bought"] == "placed"


def test_it_reads_why_a_stranger_cannot_buy(journey):
    assert journey["refused"] == ["UNAUTHENTICATED"]
