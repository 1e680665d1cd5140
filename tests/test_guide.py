"""The code of docs/add-a-resource.md, applied to a copy of the project, works in every door."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "add-a-resource.md").read_text("utf-8")
BLOCK = re.compile(r"^```(python|diff|graphql|proto)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COPIED = ("shop", "migrations", "proto", "setup.cfg", "pyproject.toml")
REST = ("shop/domain", "migrations", "shop/services", "shop/doors/rest", "shop/doors/resources.py")


def read_blocks() -> list[tuple[str, str, str]]:
    """Return the language, the path and the code of each block of the guide."""
    return [(language, find_path(language, code), code) for language, code in BLOCK.findall(GUIDE)]


def find_path(language: str, code: str) -> str:
    first = code.partition("\n")[0]
    return first.removeprefix("--- a/") if language == "diff" else first.split()[-1]


def apply_block(folder: Path, language: str, path: str, code: str) -> None:
    if language == "diff":
        subprocess.run(["git", "apply", "-"], cwd=folder, input=code, text=True, check=True)
    elif language == "python":
        (folder / path).write_text(code.partition("\n")[2])
    else:
        with (folder / path).open("a") as file:
            file.write("\n" + code.partition("\n")[2])


def run_in(folder: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    result = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the reviews of the guide."""
    folder = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        source, ignored = ROOT / name, shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    for block in read_blocks():
        apply_block(folder, *block)
    run_in(folder, "proto/generate.py")
    return folder


def count_lines(blocks: list[tuple[str, str, str]]) -> int:
    """Count the lines that a developer writes: no blank lines, and of a diff only the added ones."""
    lines = [line for language, _, code in blocks for line in code.splitlines() if is_written(language, line)]
    return len(lines) - sum(language == "python" for language, _, _ in blocks)


def is_written(language: str, line: str) -> bool:
    if language == "diff":
        return line.startswith("+") and not line.startswith("+++")
    return bool(line.strip())


def test_rest_needs_at_most_five_files_and_130_lines():
    blocks = [block for block in read_blocks() if block[1].startswith(REST)]
    assert (len(blocks), count_lines(blocks) <= 130) == (5, True), count_lines(blocks)


def test_the_code_is_clean(copy):
    for language, path, _ in read_blocks():
        if language == "python":
            run_in(copy, "-m", "ruff", "check", "--quiet", path)
            run_in(copy, "-m", "ruff", "format", "--check", "--quiet", path)


def test_the_reviews_work_in_every_door(copy):
    assert run_in(copy, str(ROOT / "tests" / "guide_journey.py")).split() == [
        "rest", "graphql", "grpc", "documents", "database",
    ]  # fmt: skip
