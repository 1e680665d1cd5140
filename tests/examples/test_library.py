"""The example library in one file: started from an empty folder, used by its forms, checked by linters."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shop.client.client import Client, Problem, Resource
from tests.servers import find_free_port, wait_for_port

CONFIG = Path(__file__).parent.parent / "schemathesis.toml"
BIN, EXAMPLE = Path(sys.executable).parent, Path("examples/library.py")
MEMBER, LIBRARIAN = "ada-likes-to-read", "grace-keeps-the-books"
TITLES = ["Emma", "Middlemarch", "Walden"]


@contextmanager
def serve_library(app: Path, folder: Path) -> Iterator[str]:
    """Serve a library from an empty folder, add three books and yield its first URL."""
    port = find_free_port()
    command = [BIN / "flask", "--app", app.absolute(), "run", "--port", str(port)]
    log = (folder / "log").open("w")
    with subprocess.Popen(command, cwd=folder, stderr=log, env={"PATH": os.environ["PATH"]}) as process:
        try:
            wait_for_port(port)
            home = f"http://127.0.0.1:{port}/"
            for title in TITLES:
                connect(home, LIBRARIAN).home().submit("create", title=title)
            yield home
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_library(EXAMPLE, tmp_path_factory.mktemp("library")) as home:
        yield home


def connect(home: str, key: str = "") -> Client:
    client = Client(home)
    client.headers.update({"Authorization": f"Bearer {key}"} if key else {})
    return client


def find_book(home: str, key: str, title: str) -> Resource:
    """Find a book by its title and return its document, as the caller with this key sees it."""
    (book,) = connect(home, key).home().submit("search", q=title).items()
    return book.follow("self")


def test_it_has_at_most_80_lines():
    assert len(EXAMPLE.read_text().splitlines()) <= 80


def test_it_uses_the_generic_rooms_alone():
    rooms = {line.split(".")[1] for line in EXAMPLE.read_text().splitlines() if line.startswith("from shop.")}
    assert rooms == {"model", "storage", "hypermedia"}


def test_a_member_borrows_and_returns_a_book_by_its_forms(library):
    book = find_book(library, MEMBER, "Emma").submit("borrow")
    borrowed = (book["is_available"], sorted(book.forms))
    book = book.follow("self").submit("return")
    assert (borrowed, book["is_available"]) == ((False, ["return"]), True)


def test_a_book_that_is_lent_cannot_be_borrowed_again(library):
    offered = find_book(library, LIBRARIAN, "Walden")
    find_book(library, MEMBER, "Walden").submit("borrow")
    with pytest.raises(Problem, match="Cannot borrow: it is lent"):
        offered.do("POST", "borrow")
    assert sorted(find_book(library, LIBRARIAN, "Walden").forms) == ["return"]


@pytest.mark.parametrize(
    ("key", "forms"), [("", []), (MEMBER, ["borrow"]), (LIBRARIAN, ["borrow", "delete"])]
)
def test_each_caller_gets_the_forms_that_would_work(library, key, forms):
    assert sorted(find_book(library, key, "Middlemarch").forms) == forms


@pytest.mark.parametrize(("name", "key"), [("member", MEMBER), ("librarian", LIBRARIAN)])
def test_the_linter_finds_no_flaw(library, name, key):
    command = [BIN / "shop", "lint", library, "--token-of", name]
    result = subprocess.run(command, input=f"{key}\n", capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr, result.stdout.count("\n")) == (0, "", 1)


def test_schemathesis_finds_no_fault_in_its_document(tmp_path):
    """The rate limit is higher here, so that schemathesis gets other answers than 429."""
    app, folder = tmp_path / "library.py", tmp_path / "empty"
    app.write_text(EXAMPLE.read_text().replace("secret_key=", 'rate_limit="100000/minute", secret_key='))
    folder.mkdir()
    with serve_library(app, folder) as home:
        command = [
            BIN / "st",
            "--config-file",
            CONFIG,
            "run",
            f"{home}openapi/v1.json",
            "--checks",
            "all",
            "--seed",
            "1",
            "-n",
            "15",
        ]
        command += ["-H", f"Authorization: Bearer {LIBRARIAN}"]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
