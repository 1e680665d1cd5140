"""What SQLite and PostgreSQL need to be safe under threads, and what their errors mean."""

import os
from contextlib import suppress
from sqlite3 import SQLITE_ERROR
from sqlite3 import Connection as SQLiteConnection
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from shop.model.errors import Conflict, DomainError, Unavailable
from shop.storage import timeouts

UNIQUE_MEMBERS = {"username_key": "username", "email_key": "email"}


def build_engine_options(url: str, threads: int) -> dict[str, Any]:
    """Engine options: as many connections as threads, and an end to every wait."""
    # Parameters hold addresses and hashes: error messages, and so logs, go without them.
    pool = {"hide_parameters": True, "pool_size": threads, "max_overflow": 2, "pool_timeout": 3}
    if make_url(url).get_backend_name() == "sqlite":
        return {**pool, "connect_args": {"timeout": 2.5}}
    limits = "-c statement_timeout=3000 -c lock_timeout=1500 -c idle_in_transaction_session_timeout=10000"
    connect_args = {"connect_timeout": 2, "tcp_user_timeout": 4000, "options": limits}
    return {**pool, "pool_pre_ping": True, "pool_recycle": 1800, "connect_args": connect_args}


def build_insert(session: Session, table: Any) -> Any:
    """An INSERT that can say what to do where the row is there already."""
    return {"sqlite": sqlite, "postgresql": postgresql}[session.get_bind().dialect.name].insert(table)


def configure_engine(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        make_files_private(engine)
        configure_sqlite(engine)
    else:
        timeouts.limit_waits(engine)


def make_files_private(engine: Engine) -> None:
    """Let SQLite make no file that others may read: it holds addresses and the hashes of passwords."""

    @event.listens_for(engine, "do_connect")
    def create_private_file(_: Any, __: Any, arguments: list[Any], ___: dict[str, Any]) -> None:
        # Only where there is none: to close the file of a database drops the locks that we hold on it.
        with suppress(OSError):
            os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def configure_sqlite(engine: Engine) -> None:
    """On SQLite we begin our own transactions, because the driver begins them too late."""

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: SQLiteConnection, _: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        if mode := connection.get_execution_options().get("sqlite_begin"):
            connection.exec_driver_sql(f"BEGIN {mode}")
        else:
            connection.connection.dbapi_connection.execute("BEGIN")  # the short way, for it waits for nobody


def translate_error(error: Exception) -> DomainError | None:
    """A database error in the words of the shop; None where it is a fault of ours."""
    if isinstance(error, IntegrityError):
        return find_constraint_error(str(error.orig))
    if isinstance(error, OperationalError) and is_statement_error(error.orig):
        return None
    if isinstance(error, PoolTimeout | OperationalError | InterfaceError):
        return Unavailable("The database does not answer just now.", retry_after=2)
    readonly = isinstance(error, InternalError) and getattr(error.orig, "sqlstate", "") == "25006"
    if readonly or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return Unavailable("The database takes no changes just now.", retry_after=5)
    return None


def is_statement_error(error: Any) -> bool:
    """SQLite's word for a table or a column that we made up: an error of no kind."""
    return getattr(error, "sqlite_errorcode", None) == SQLITE_ERROR


def find_constraint_error(message: str) -> DomainError | None:
    if "ck_products_stock" in message:
        return Conflict("There is no room in the stock for that.")
    for column, member in UNIQUE_MEMBERS.items():
        if column in message:
            return Conflict(f"This {member} is taken.", members={member: [f"This {member} is taken."]})
    return None
