"""openapi-python-client generates a package from each version's OpenAPI; the package drives the shop."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import GOODS, HERE
from tests.conftest import PASSWORD

pytest.importorskip("openapi_python_client", reason="openapi-python-client is not here")

PRICES = {"v1": 99.99, "v2": {"amount": "99.99", "currency": "USD"}}


def run(folder: Path, *command: object) -> subprocess.CompletedProcess:
    ruff = str(Path(sys.executable).parent)  # the generator formats with it
    plain = {"PASSWORD": PASSWORD, "HOME": "/nonexistent", "PYTHONPATH": str(folder), "PATH": ruff}
    command = [sys.executable, "-W", "error", *command]
    ran = subprocess.run(command, env=plain, cwd=folder, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("generated")


@pytest.fixture(scope="module", params=PRICES)
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def generated(root: str, folder: Path, version: str) -> str:
    """What the generator printed; the package is in the folder."""
    options = ["--meta", "none", "--output-path", f"shop_{version}", "--fail-on-warning"]
    url = f"{root}openapi/{version}.json"
    return run(folder, "-m", "openapi_python_client", "generate", "--url", url, *options).stdout


@pytest.fixture(scope="module")
def journey(root: str, folder: Path, version: str, generated: str) -> dict[str, Any]:
    ran = run(folder, HERE / "openapi_python_journey.py", root.rstrip("/"), f"shop_{version}")
    return json.loads(ran.stdout)


def test_the_generator_has_no_warning(generated):
    assert "warning" not in generated.lower()


def test_it_lists_the_products(journey):
    assert journey["listed"] == sorted(GOODS)


def test_it_creates_a_product(journey):
    assert journey["created"] == [201, True]


def test_it_patches_one_member_and_leaves_the_others(journey, version):
    patched = {"name": "Oak shelves", "description": "", "price": PRICES[version], "stock": 5}
    assert journey["patched"] == patched


def test_a_stale_patch_is_a_problem(journey):
    assert journey["stale"][:2] == [412, "Problem"]


def test_it_places_an_order(journey):
    assert journey["ordered"] == ["placed", [2]]


def test_it_cannot_ship_what_is_not_paid(journey):
    assert journey["shipped"][0] == 409


def test_it_deletes_the_product(journey):
    assert journey["deleted"] == 204


def test_it_logs_out(journey):
    assert journey["logged_out"] == 204
