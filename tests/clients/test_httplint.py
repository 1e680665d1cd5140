"""httplint reads answers of each kind: nothing is bad, and each warning has a reason.

It is installed into a folder of its own: sniffpy, which it needs, installs a package `tests` that would hide ours.
"""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.clients.conftest import HERE
from tests.conftest import PASSWORD

ACCEPTED = {
    "VARY_COMPLEX": "the media type, the login, Prefer and the compression each change the answer",
    "STORE_PUBLIC_UNNECESSARY": "it states for people what may be shared; the opposite is `private`",
    "STATUS_BAD_REQUEST": "the request was meant to be bad",
}
EXCHANGES = {
    "token": 200, "product": 200, "not modified": 304, "head": 200, "options": 200, "page": 200, "compressed": 200,
    "list": 200, "staff's list": 200, "user": 200, "users": 200, "new order": 201, "order": 200, "problem": 404,
    "login needed": 401, "wrong method": 405, "invalid": 400, "unacceptable": 406, "home": 200, "home of v2": 200,
    "changes": 200, "docs": 200, "profile": 200, "openapi": 200, "catalog": 200, "health": 200, "logout": 204,
}  # fmt: skip


@pytest.fixture(scope="module")
def read(root: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What httplint notes on each exchange."""
    folder = str(tmp_path_factory.mktemp("httplint"))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", folder]
    packages = ["-r", str(HERE / "httplint.txt"), "-c", "constraints.txt"]
    if subprocess.run([*pip, *packages], timeout=100, cwd=HERE.parents[1]).returncode:
        pytest.skip("httplint is not here, and pip cannot install it")
    command = [sys.executable, HERE / "httplint_exchanges.py", root]
    plain = {"PASSWORD": PASSWORD, "HOME": "/nonexistent", "PYTHONPATH": folder}
    ran = subprocess.run(command, env=plain, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_each_exchange_has_the_status_that_was_meant(read):
    assert {name: exchange["status"] for name, exchange in read.items()} == EXCHANGES


@pytest.mark.parametrize("name", EXCHANGES)
def test_no_note_is_bad_and_each_warning_is_accepted(read, name):
    notes = read[name]["notes"]
    assert [
        note for level, note in notes if level == "BAD" or (level == "WARN" and note not in ACCEPTED)
    ] == []


def test_each_accepted_warning_is_still_given(read):
    given = {note for exchange in read.values() for _, note in exchange["notes"]}
    assert given >= set(ACCEPTED)
