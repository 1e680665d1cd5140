"""How Alembic runs here: one transaction for all steps, and SQLite's foreign keys kept out of the way.

A batch step copies a table and drops the old one. With foreign keys on, SQLite would then delete
whatever refers to the old table; so they are off while steps run, and checked before the commit.
"""

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection, MetaData

LOCK = 7_463_921  # one migration at a time, whichever machine begins it


def run() -> None:
    database = current_app.extensions["migrate"].db
    with database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            on_sqlite(connection, database.metadata)
        else:
            migrate(connection, database.metadata)


def on_sqlite(connection: Connection, metadata: MetaData) -> None:
    raw: Any = connection.connection.dbapi_connection
    raw.execute("PRAGMA foreign_keys=OFF")  # does nothing inside a transaction, so it comes before
    try:
        migrate(connection.execution_options(sqlite_begin="IMMEDIATE"), metadata)
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


def migrate(connection: Connection, metadata: MetaData) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        transactional_ddl=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        prepare(connection)
        context.run_migrations()
        verify(connection)


def prepare(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.connection.dbapi_connection.patience = None  # a step may take as long as it must
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")


def verify(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise RuntimeError(f"The step leaves rows that refer to nothing: {broken[:5]}")


run()
