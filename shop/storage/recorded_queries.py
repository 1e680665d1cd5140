"""Queries recorded with their rows, so that a cached answer can be checked by running them again.

Running a recorded query costs a tenth of producing the answer. While all rows are the same, the answer is the
same too. The database is queried every time, so a cached answer is never stale.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, Executable
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from shop.storage.database import translate_error
from shop.storage.prepared_queries import PreparedQuery


@dataclass(frozen=True)
class RecordedQuery:
    statement: str
    values: Any
    rows: list[tuple[Any, ...]]


@dataclass
class Recording:
    """What the answer to a request was made of."""

    queries: list[RecordedQuery] = field(default_factory=list)
    is_complete: bool = True  # False: something was read that is not among the queries
    is_personal: bool = False  # True: it depends on who the caller is, not only on their roles


def run_recorded(
    connection: Connection, query: PreparedQuery | Executable, values: dict[str, Any]
) -> RecordedQuery:
    """Run a query and record it; its columns must be raw driver values, so that rows can be compared."""
    if isinstance(query, PreparedQuery):
        statement, parameters = query.bind(connection.dialect, values)
        result = connection.exec_driver_sql(statement, parameters)
        rows = result.cursor.fetchall()  # plain tuples, which SQLAlchemy would wrap
        result.close()
    else:
        result = connection.execute(query, values)
        context: Any = result.context
        statement, parameters = context.statement, context.parameters[0]
        rows = [tuple(row) for row in result]
    return RecordedQuery(statement, parameters, rows)


def queries_still_match(engine: Engine, reads: Iterable[RecordedQuery]) -> bool:
    """Whether the queries still return the same rows; raises Unavailable during an outage."""
    driver: Any = engine.dialect.dbapi
    try:
        connection: Any = engine.raw_connection()
        try:
            cursor = connection.cursor()
            return all(still_matches(cursor, query) for query in reads)
        finally:
            connection.close()
    except SQLAlchemyError as error:
        domain_error = translate_error(error)
    except driver.OperationalError as error:
        domain_error = translate_error(OperationalError("", (), error))
    except driver.Error:
        domain_error = None
    if domain_error:  # raised at once, because a second wait would take too long
        raise domain_error
    return False  # the normal path reports the error


def still_matches(cursor: Any, query: RecordedQuery) -> bool:
    cursor.execute(query.statement, query.values)
    rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
    return rows == query.rows
