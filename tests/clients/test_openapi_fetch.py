"""openapi-typescript generates types from each version's OpenAPI; openapi-fetch drives the shop with them."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.conftest import GOODS, HERE
from tests.conftest import PASSWORD

SOURCE = (HERE / "openapi_fetch_journey.ts").read_text()
MONEY = '{ amount: "99.99", currency: "USD" } as const'
SOURCES = {"v1": SOURCE, "v2": SOURCE.replace("/v1/", "/v2/").replace("= 99.99;", f"= {MONEY};")}
PRICES = {"v1": 99.99, "v2": {"amount": "99.99", "currency": "USD"}}
OPTIONS = ["--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom,dom.iterable"]


@pytest.fixture(scope="module")
def run(node: str, root: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run JavaScript in a folder that has the compiled journeys of both versions."""
    folder = tmp_path_factory.mktemp("typescript")
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    (folder / "package.json").write_text('{"type": "module"}')

    def run(*command: str) -> str:
        plain = {"PASSWORD": PASSWORD, "HOME": "/nonexistent"}
        command = [node, *command]
        ran = subprocess.run(command, cwd=folder, env=plain, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    for version, source in SOURCES.items():
        (folder / f"{version}.ts").write_text(source.replace("./shop.js", f"./shop_{version}.js"))
        document = f"{root}openapi/{version}.json"
        run("node_modules/openapi-typescript/bin/cli.js", document, "-o", f"shop_{version}.d.ts")
    run("node_modules/typescript/bin/tsc", *OPTIONS, *[f"{version}.ts" for version in SOURCES])
    return run


@pytest.fixture(scope="module", params=SOURCES)
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def journey(root: str, run: Callable[..., str], version: str) -> dict[str, Any]:
    return json.loads(run(f"{version}.js", root.rstrip("/")))


def test_it_lists_the_products(journey):
    assert journey["listed"] == sorted(GOODS)


def test_it_patches_one_member_and_leaves_the_others(journey, version):
    assert journey["patched"] == ["Oak shelves", "", PRICES[version], 5]


def test_a_stale_patch_is_a_problem(journey):
    assert journey["stale"] == [412, 412]


def test_it_places_an_order(journey):
    assert journey["ordered"] == ["placed", [2]]


def test_it_cannot_ship_what_is_not_paid(journey):
    assert journey["shipped"] == [409, 409]


def test_it_deletes_the_product_and_logs_out(journey):
    assert [journey["deleted"], journey["logged_out"]] == [204, 204]
