"""The GraphQL door, checked from outside: the public audit of GraphQL over HTTP, schemathesis, and the example."""

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
def url(shop_process):
    return f"{shop_process.home}/graphql"


def test_the_example_buys_something(url):
    command = [sys.executable, "-W", "error", ROOT / "examples/graphql_client.py", url, "ada", PASSWORD]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (result.stderr, result.stdout.splitlines()[-1]) == ("", "Order:1 is placed: 999.0 USD.")


def test_the_audit_of_graphql_over_http_finds_nothing(url):
    command = [with_packages(HERE), HERE / "audit.mjs", url]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    results = json.loads(result.stdout)
    assert (len(results), [each for each in results if each["status"] != "ok"]) == (61, [])


def test_the_lock_names_no_place_that_packages_come_from():
    assert "resolved" not in (HERE / "package-lock.json").read_text()


@pytest.mark.parametrize("who", ["stranger", "staff"])
def test_schemathesis_finds_no_fault(url, shop_process, tmp_path, who):
    options = ["--phases", "fuzzing", "--checks", "no_server_error", "--max-examples", "8", "--seed", "1"]
    if who == "staff":
        token = log_in(f"{shop_process.root}/tokens", "grace")
        options += ["--header", f"Authorization: Bearer {token}", "--exclude-name", "Mutation.logout"]
    environ = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.graphql.hooks", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [BIN / "st", "run", url, *options],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert result.returncode == 0, result.stdout


def log_in(url: str, name: str) -> str:
    return requests.post(url, json={"username": name, "password": PASSWORD}, timeout=10).json()[
        "access_token"
    ]
