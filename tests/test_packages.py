"""The packages that `pip install` installs, on every supported Python."""

import re
import subprocess
from importlib.metadata import requires

from tests.servers import find_redis_server


def test_pip_brings_a_redis_server_to_a_machine_that_has_none(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert " server v=" in subprocess.check_output([find_redis_server(), "--version"], text=True)


def test_every_python_gets_the_same_packages():
    assert [each for each in requires("shop") if re.search(r"python_(full_)?version", each)] == []
