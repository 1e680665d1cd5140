"""Run Alembic: all migrations in one transaction, and on SQLite without foreign keys.

A batch migration copies a table and drops the old one. With foreign keys on, SQLite would then delete
all rows that refer to the old table; so they are off during the migrations and checked before the commit.
The triggers of the old table are dropped with it; they are created again when the new one has its name.
"""

import re
from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection, MetaData, event

from shop.storage.migration_state import is_model_table

DROPPED = re.compile(r'\s*DROP TABLE "?(\w+)')
RENAMED = re.compile(r'\s*ALTER TABLE "?_alembic_tmp_')
MADE = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
LOCK = 7_463_921  # only one machine migrates at a time


def run() -> None:
    database = current_app.extensions["sqlalchemy"]
    with database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            on_sqlite(connection, database.metadata)
        else:
            migrate(connection, database.metadata)


def on_sqlite(connection: Connection, metadata: MetaData) -> None:
    raw: Any = connection.connection.dbapi_connection
    raw.execute("PRAGMA foreign_keys=OFF")  # has no effect inside a transaction, so it comes before
    try:
        keep_triggers(connection)
        migrate(connection.execution_options(sqlite_begin="IMMEDIATE"), metadata)
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


def keep_triggers(connection: Connection) -> None:
    lost: list[str] = []

    @event.listens_for(connection, "before_cursor_execute")
    def remember(_: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if found := DROPPED.match(statement):
            lost[:] = [row[0] for row in cursor.execute(MADE, found.groups())]

    @event.listens_for(connection, "after_cursor_execute")
    def make_again(_: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if RENAMED.match(statement):
            for made in lost:
                cursor.execute(made)


def migrate(connection: Connection, metadata: MetaData) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_name=is_model_table,
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
        connection.connection.dbapi_connection.patience = None  # a migration may take any time
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")


def verify(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise RuntimeError(f"The step leaves rows that refer to nothing: {broken[:5]}")


run()
