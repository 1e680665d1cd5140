"""Settings that SQLite and PostgreSQL need under threads, and the translation of their errors."""

import os
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from sqlite3 import SQLITE_ERROR
from sqlite3 import Connection as SQLiteConnection
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from shop.model.entity import Base
from shop.model.errors import Conflict, DomainError, Unavailable
from shop.storage import timeouts

CONFLICT = "conflict"  # the key of the message in the info of a constraint
READS_ONLY = "reads_only"  # an execution option of connections


def resolve_path(url: str) -> str:
    """Return the URL with the path of an SQLite file made absolute; Flask would seek it in its own folder."""
    parts = make_url(url)
    if parts.get_backend_name() != "sqlite":
        return url
    return parts.set(database=str(Path(parts.database or "").absolute())).render_as_string()


def build_engine_options(url: str, threads: int) -> dict[str, Any]:
    """Return the engine options: one connection per thread and a timeout for every wait."""
    # Parameters contain addresses and hashes, so they are left out of error messages and logs.
    pool = {"hide_parameters": True, "pool_size": threads, "max_overflow": 2, "pool_timeout": 3}
    if make_url(url).get_backend_name() == "sqlite":
        return {**pool, "connect_args": {"timeout": 2.5}}
    limits = "-c statement_timeout=3000 -c lock_timeout=1500 -c idle_in_transaction_session_timeout=10000"
    connect_args = {"connect_timeout": 2, "tcp_user_timeout": 4000, "options": limits}
    return {**pool, "pool_recycle": 1800, "connect_args": connect_args}


def build_insert(session: Session, table: Any) -> Any:
    """Return an INSERT statement that supports ON CONFLICT; the other dialect would take 2 MiB."""
    return import_module(f"sqlalchemy.dialects.{session.get_bind().dialect.name}").insert(table)


def configure_engine(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        make_files_private(engine)
        configure_sqlite(engine)
    else:
        timeouts.limit_waits(engine)
        begin_explicitly(engine)


def begin_explicitly(engine: Engine) -> None:
    """Begin transactions with BEGIN on PostgreSQL, so that a connection that only reads needs none.

    Each read outside of a transaction would otherwise cost two more messages.
    """

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        options = connection.get_execution_options()
        is_single = is_reading(connection) and not timeouts.has_deadline()
        if not is_single and options.get("isolation_level") != "AUTOCOMMIT":
            run_begin(connection)


def run_begin(connection: Any) -> None:
    """Begin a transaction past SQLAlchemy, which would show it as a statement; translate its errors."""
    try:
        connection.connection.dbapi_connection.execute("BEGIN")
    except connection.dialect.loaded_dbapi.Error as error:
        connection.invalidate(error)
        raise OperationalError("BEGIN", None, error) from error


def is_reading(connection: Any) -> bool:
    """Whether the connection was taken for single reads, which need no transaction."""
    return connection.get_execution_options().get(READS_ONLY, False)


def make_files_private(engine: Engine) -> None:
    """Create SQLite files readable by their owner alone; they contain addresses and password hashes."""

    @event.listens_for(engine, "do_connect")
    def create_private_file(_: Any, __: Any, arguments: list[Any], ___: dict[str, Any]) -> None:
        # Only if there is none: closing a database file would drop the locks that this process holds on it.
        with suppress(OSError):
            os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def configure_sqlite(engine: Engine) -> None:
    """Set pragmas and begin transactions explicitly, because the driver begins them too late."""

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: SQLiteConnection, _: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        if is_reading(connection):
            return
        if mode := connection.get_execution_options().get("sqlite_begin"):
            connection.exec_driver_sql(f"BEGIN {mode}")
        else:
            # Bypasses SQLAlchemy for speed; a deferred BEGIN never waits.
            connection.connection.dbapi_connection.execute("BEGIN")


def translate_error(error: Exception) -> DomainError | None:
    """Return the domain error for a database error, or None if the error is a bug."""
    if isinstance(error, IntegrityError):
        return find_constraint_error(str(error.orig))
    if isinstance(error, OperationalError) and is_statement_error(error.orig):
        return None
    if isinstance(error, PoolTimeout | OperationalError | InterfaceError):
        return Unavailable("The database does not answer at the moment.", retry_after=2)
    readonly = isinstance(error, InternalError) and getattr(error.orig, "sqlstate", "") == "25006"
    if readonly or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return Unavailable("The database accepts no changes at the moment.", retry_after=5)
    return None


def is_statement_error(error: Any) -> bool:
    """Whether SQLite rejected a statement as wrong, for example because a column does not exist.

    A savepoint is missing where SQLite has ended the transaction by itself, because the disk is full.
    """
    is_rejected = getattr(error, "sqlite_errorcode", None) == SQLITE_ERROR
    return is_rejected and not str(error).startswith("no such savepoint")


def find_constraint_error(message: str) -> DomainError | None:
    """Return the conflict of the constraint that a database names; None where it names none that may be met.

    A check constraint has its message in `info`. A unique column has the name of its member, and `_key`.
    """
    for table in Base.metadata.tables.values():
        for constraint in table.constraints:
            if CONFLICT in constraint.info and str(constraint.name) in message:
                return Conflict(constraint.info[CONFLICT])
        for column in table.columns:
            if column.unique and column.name in message:
                member = column.name.removesuffix("_key")
                return Conflict(f"This {member} is taken.", members={member: [f"This {member} is taken."]})
    return None
