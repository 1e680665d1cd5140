"""The REST contract, checked from outside: schemathesis with all its checks against a running shop."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from shop.domain.user import User
from shop.model.moves import STAFF
from shop.services import tokens
from shop.storage.transactions import Context
from tests.conftest import HASH, KEY
from tests.servers import find_free_port, wait_for_port

BIN, ROOT = Path(sys.executable).parent, Path(__file__).parent.parent
CONFIG = ROOT / "tests" / "schemathesis.toml"
RunSchemathesis = Callable[..., tuple[int, str]]


@pytest.fixture
def shop_url(app: Flask, product: Callable[..., int], tmp_path: Path) -> Iterator[str]:
    """The URL of a shop in a separate process."""
    product()
    port, settings = find_free_port(), app.extensions["shop"].settings
    environment = {
        "PATH": os.environ["PATH"],
        "SHOP_SECRET_KEY": KEY,
        "SHOP_DATABASE_URL": settings.database_url,
        "SHOP_LOG_LEVEL": "ERROR",
        "SHOP_THREADS": "1",  # with one thread, no request may wait for changes
        "SHOP_RATE_LIMIT": "1000000/minute",
        "SHOP_LOGIN_RATE_LIMIT": "1000000/minute",
    }
    with subprocess.Popen(
        [BIN / "shop", "serve", "--port", str(port)], cwd=tmp_path, env=environment
    ) as process:
        try:
            wait_for_port(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture
def run_schemathesis(shop_url: str, tmp_path: Path) -> RunSchemathesis:
    def run(version: str, *options: str) -> tuple[int, str]:
        command = [
            BIN / "st",
            "--config-file",
            CONFIG,
            "run",
            f"{shop_url}/openapi/{version}.json",
            "--checks",
            "all",
            "--seed",
            "1",
        ]
        result = subprocess.run(
            [*command, *options], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1", "SCHEMATHESIS_HOOKS": "tests.schemathesis_hooks", "PYTHONPATH": str(ROOT)}, check=False,
        )  # fmt: skip
        return result.returncode, "" if result.returncode == 0 else result.stdout + result.stderr

    return run


@pytest.fixture
def token(app: Flask) -> str:
    """A token of staff, whose id is so high that schemathesis does not guess and delete it."""
    with app.app_context():
        session = app.extensions["sqlalchemy"].session()
        session.add(
            User(id=7_777_777, username="judge", email="j@shop.example", password_hash=HASH, role=STAFF)
        )
        session.commit()
        return tokens.open_login(Context(session), app.extensions["shop"].signer, 7_777_777).access_token


# The long phase, coverage, runs once for everything, and once more for money, which differs between the versions.
QUICK = ("--phases", "examples,fuzzing,stateful")
DEPTH = {("sqlite", "v1"): (), ("sqlite", "v2"): ("--include-tag", "products")}


@pytest.fixture(autouse=True)
def skip_repetitions(backend, request):
    """On PostgreSQL, one version says whether the database makes a difference."""
    if backend == "postgresql" and request.node.callspec.params["version"] == "v1":
        pytest.skip("v1 is tested on SQLite")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_staff_find_nothing_that_the_documentation_does_not_say(app, run_schemathesis, version, token):
    staff = ("--header", f"Authorization: Bearer {token}", "--exclude-operation-id", "tokens_logout")
    kind = app.extensions["shop"].settings.database_url.partition(":")[0]
    status, output = run_schemathesis(
        version, "--max-examples", "5", *staff, *DEPTH.get((kind, version), QUICK)
    )
    assert status == 0, output


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_strangers_find_nothing_that_the_documentation_does_not_say(run_schemathesis, version):
    status, output = run_schemathesis(version, "--max-examples", "5", "--phases", "examples,fuzzing")
    assert status == 0, output
