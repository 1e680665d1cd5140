"""sgqlc generates its schema from the introspection of /graphql, and queries and buys with it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import GOODS, HERE
from tests.conftest import PASSWORD

pytest.importorskip("sgqlc", reason="sgqlc is not here")


@pytest.fixture(scope="module")
def journey(root: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder, url = tmp_path_factory.mktemp("sgqlc"), f"{root}graphql"

    def run(*command: str | Path) -> str:
        plain = {"PASSWORD": PASSWORD, "HOME": "/nonexistent", "PYTHONPATH": str(folder)}
        command = [sys.executable, "-W", "error", *command]
        ran = subprocess.run(command, cwd=folder, env=plain, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    run("-m", "sgqlc.introspection", url, "schema.json")
    run("-m", "sgqlc.codegen", "schema", "schema.json", "shop_schema.py")
    return json.loads(run(HERE / "sgqlc_journey.py", url, "shop_schema"))


def test_it_lists_a_page_of_products(journey):
    assert (journey["listed"], journey["more"]) == (sorted(GOODS)[:2], True)


def test_it_logs_in_and_buys(journey):
    assert journey["bought"] == ["placed", 178]


def test_it_reads_why_a_stranger_cannot_buy(journey):
    assert journey["refused"] == ["UNAUTHENTICATED"]
