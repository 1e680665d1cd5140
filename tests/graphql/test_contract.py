"""The door, judged from outside: the public audit of GraphQL over HTTP, schemathesis, and the example."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.conftest import PASSWORD
from tests.node import with_packages

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BIN = Path(sys.executable).parent


@pytest.fixture
def url(served):
    return f"{served.home}/graphql"


def test_the_example_buys_something(url):
    command = [sys.executable, "-W", "error", ROOT / "examples/graphql_client.py", url, "ada", PASSWORD]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ran.stderr, ran.stdout.splitlines()[-1]) == ("", "Order:1 is placed: 999.0 USD.")


def test_the_audit_of_graphql_over_http_finds_nothing(url):
    command = [with_packages(HERE), HERE / "audit.mjs", url]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    results = json.loads(ran.stdout)
    assert (len(results), [each for each in results if each["status"] != "ok"]) == (61, [])


def test_the_lock_names_no_place_that_packages_come_from():
    assert "resolved" not in (HERE / "package-lock.json").read_text()


@pytest.mark.parametrize("who", ["stranger", "staff"])
def test_schemathesis_finds_no_fault(url, served, tmp_path, who):
    options = ["--phases", "fuzzing", "--checks", "no_fault_of_ours", "--max-examples", "8", "--seed", "1"]
    if who == "staff":
        token = login(f"{served.root}/tokens", "grace")
        options += ["--header", f"Authorization: Bearer {token}", "--exclude-name", "Mutation.logout"]
    environ = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.graphql.hooks", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [BIN / "st", "run", url, *options],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stdout


def login(url: str, name: str) -> str:
    return requests.post(url, json={"username": name, "password": PASSWORD}, timeout=10).json()[
        "access_token"
    ]
