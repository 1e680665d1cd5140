"""npm packages for the tests that need them, installed from the package-lock.json in their folder."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

NODE, NPM = shutil.which("node"), shutil.which("npm")


def with_packages(folder: Path) -> str:
    """Install the packages of a folder and return the path of Node; a second process waits for the first."""
    if not (NODE and NPM):
        pytest.skip("node and npm are not here, so nothing in JavaScript can run")
    installed, lock = folder / "node_modules/.package-lock.json", folder / "package-lock.json"
    with lock.open() as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            options = ["--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run([NPM, "ci", *options], cwd=folder, check=True, timeout=100)
    return NODE
