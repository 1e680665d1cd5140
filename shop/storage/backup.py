"""Integrity checks and backups of a database in use."""

import os
import sqlite3
from pathlib import Path
from tempfile import mkstemp

from sqlalchemy import Engine

from shop.model.errors import Conflict, DomainError


def find_integrity_errors(engine: Engine) -> list[str]:
    """Return the errors that SQLite finds in its file; PostgreSQL checks itself while it runs."""
    if engine.dialect.name != "sqlite":
        return []
    with engine.connect() as connection:
        errors = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check") if row[0] != "ok"]
        broken_references = connection.exec_driver_sql("PRAGMA foreign_key_check")
        return errors + [f"{row[0]}: a row refers to nothing" for row in broken_references]


def back_up(engine: Engine, path: Path) -> None:
    """Write all committed data to a file that only its owner can read; writers are not blocked."""
    if engine.dialect.name != "sqlite":
        raise DomainError(f"for PostgreSQL use {build_dump_command(engine, path)}")
    if path.exists():
        raise build_exists_error(path)
    # Readable by its owner alone.
    temporary_file, temporary_path = mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        copy_database(engine, temporary_path)
        os.fsync(temporary_file)
        os.link(temporary_path, path)  # atomic, and never replaces an existing file
    except FileExistsError:
        raise build_exists_error(path) from None
    finally:
        os.close(temporary_file)
        Path(temporary_path).unlink()


def copy_database(engine: Engine, temporary_path: str) -> None:
    source = engine.raw_connection()
    try:
        source.cursor().execute("VACUUM INTO ?", (temporary_path,))
    except sqlite3.Error as error:
        raise DomainError(f"the database refuses: {error}") from None
    finally:
        source.close()


def build_exists_error(path: Path) -> Conflict:
    return Conflict(f"{path} already exists; it was not changed")


def build_dump_command(engine: Engine, path: Path) -> str:
    url = engine.url.set(drivername="postgresql", password=None).render_as_string()
    return f"pg_dump --format=custom --file={path} {url}"
