"""Numbers for feeds: tables that are read by cursor, so that no row may appear behind a cursor.

SQLite has one writer, so a row gets its number with its INSERT. PostgreSQL has many, and their rows become
visible in another order than they are written. There a row is written without a number, and gets one after
its commit, from a reader or from the listener. So no writer waits for another.
"""

import logging
from threading import Lock
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine, Index, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from sqlalchemy.sql.elements import ColumnElement

from shop.model.entity import Id

LOCK_ID = 0x5409  # writers of the version before take this lock too
WAIT_FOR_LOCK = text(f"SELECT pg_advisory_xact_lock({LOCK_ID}) IS NOT NULL")
TRY_LOCK = text(f"SELECT pg_try_advisory_xact_lock({LOCK_ID})")
IS_NUMBERED, IS_WAITING = text("seq IS NOT NULL"), text("seq IS NULL")
BATCH_SIZE = 5_000  # rows that are numbered in one transaction
MAX_SECONDS = 1.0  # of numbering before one read
NUMBERING = Lock()  # at most one thread of a process numbers, because it takes a second connection
MAX_QUEUE_SECONDS = 1.0  # that a thread waits for another one that numbers

log = logging.getLogger("shop")


class FirstNumber(ColumnElement[int]):
    """SQL for the number of a new row: the next one on SQLite, none on PostgreSQL."""

    inherit_cache = False

    def __init__(self, table: str) -> None:
        self.table = table


@compiles(FirstNumber, "postgresql")
def compile_no_number(_: FirstNumber, __: Any, **___: Any) -> str:
    return "NULL"


@compiles(FirstNumber, "sqlite")
def compile_next_number(element: FirstNumber, _: Any, **__: Any) -> str:
    return f"(SELECT coalesce(max(seq), 0) + 1 FROM {element.table})"  # noqa: S608


class FeedRow:
    """A row of a feed. Its place in the feed is `seq`; without a number it is not read yet."""

    __tablename__: str
    __mapper_args__: Any = {"eager_defaults": False}

    id: Mapped[int] = mapped_column(Id, primary_key=True)

    @declared_attr
    def seq(cls) -> Mapped[int]:  # noqa: N805
        # The version before names no number and gets 0, which a trigger replaces by the next number.
        return mapped_column(Id, nullable=True, default=FirstNumber(cls.__tablename__), server_default="0")


def build_feed_indexes(table: str) -> tuple[Index, Index]:
    """Return the indexes for reading by number, and for finding rows without one."""
    return (
        Index(f"ix_{table}_seq", "seq", unique=True, postgresql_where=IS_NUMBERED),
        Index(f"ix_{table}_waiting", "id", sqlite_where=IS_WAITING, postgresql_where=IS_WAITING),
    )


def list_feeds() -> list[str]:
    return [kind.__tablename__ for kind in FeedRow.__subclasses__()]


def build_waiting_query(table: str) -> str:
    """Return the query for the newest row without a number; NULL if there is none to be numbered here."""
    return (
        f"SELECT max(id) FROM {table} WHERE seq IS NULL "  # noqa: S608
        "AND current_setting('transaction_read_only') = 'off'"
    )


def build_look_query() -> str:
    """Return one query for the newest number of each feed, and its newest row without a number."""
    columns = [
        f"(SELECT max(seq) FROM {table}), ({build_waiting_query(table)})"  # noqa: S608
        for table in list_feeds()
    ]
    return f"SELECT {', '.join(columns)}"


def build_numbering(table: str) -> str:
    """Return the UPDATE that numbers rows in the order of their ids, which they got under their row locks.

    A number is not smaller than the id, because the version before uses ids of steps as cursors.
    """
    return f"""UPDATE {table} SET seq = greatest(waiting.id, newest.seq + waiting.place)
        FROM unnest(ARRAY(SELECT id FROM {table} WHERE seq IS NULL AND id <= :up_to
                          ORDER BY id LIMIT {BATCH_SIZE})) WITH ORDINALITY AS waiting (id, place),
             (SELECT coalesce(max(seq), 0) AS seq FROM {table}) AS newest
        WHERE {table}.id = waiting.id"""  # noqa: S608


def number_waiting_rows(connection: Connection, table: str, seconds: float = MAX_SECONDS) -> bool:
    """Number the rows of a feed that are committed; return whether there were any.

    The connection is only asked. A read-only database is read as it is.
    """
    if connection.dialect.name != "postgresql":
        return False
    newest = connection.scalar(text(build_waiting_query(table)))
    return newest is not None and assign_numbers(connection.engine, table, newest, seconds=seconds)


def assign_numbers(
    engine: Engine, table: str, up_to: int, *, lock: Any = WAIT_FOR_LOCK, seconds: float = MAX_SECONDS
) -> bool:
    """Number the visible rows up to this id in short transactions; return False if that is impossible."""
    end = monotonic() + seconds
    try:
        while number_batch(engine, table, up_to, lock) == BATCH_SIZE and monotonic() < end:
            pass
    except SQLAlchemyError as error:  # the caller reads what has a number
        log.warning("could not number %s: %s", table, str(getattr(error, "orig", error)).partition("\n")[0])
        return False
    return True


def number_batch(engine: Engine, table: str, up_to: int, lock: Any) -> int:
    """Number some rows in one transaction and return their count.

    The UPDATE comes after the lock and has a snapshot of its own, so it sees all numbers that exist. The
    numbers become visible in their order, because the lock is held until the commit.
    """
    if not NUMBERING.acquire(timeout=MAX_QUEUE_SECONDS):
        return 0
    try:
        with engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            if not connection.scalar(lock):
                return 0
            return connection.execute(text(build_numbering(table)), {"up_to": up_to}).rowcount
    finally:
        NUMBERING.release()
