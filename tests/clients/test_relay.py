"""relay-compiler accepts the schema: a fragment pages through a connection and is fetched again by itself."""

import json
import shutil
import subprocess

import pytest

from tests.clients.conftest import HERE

SCHEMA = HERE.parents[1] / "shop/doors/graphql/schema.graphql"


@pytest.fixture(scope="module")
def compiled(node, tmp_path_factory):
    """The folder of what relay-compiler made."""
    folder = tmp_path_factory.mktemp("relay")
    shutil.copytree(HERE / "relay", folder / "src")
    shutil.copy(SCHEMA, folder)
    config = {"src": "src", "schema": SCHEMA.name, "language": "javascript"}
    (folder / "relay.config.json").write_text(json.dumps(config))
    command = [node, HERE / "node_modules/relay-compiler/cli.js", "relay.config.json"]
    ran = subprocess.run(
        command, cwd=folder, env={"HOME": "/nonexistent"}, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder / "src/__generated__"


def test_the_page_goes_on_from_the_cursor_of_the_connection(compiled):
    query = (compiled / "cataloguePaginationQuery.graphql.js").read_text()
    assert all(member in query for member in ("endCursor", "hasNextPage", "cursor"))
