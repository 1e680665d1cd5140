"""What an answer was read from, so that the same question need not be thought through twice.

A read is a statement with its values and the rows that came. To make it again costs a tenth of what it took
to come to it, and as long as all rows are the same, so is everything that was made of them. The database is
asked every time: nothing is older than the answer it is in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Executable
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from shop.storage.database import translate_error


@dataclass(frozen=True)
class RecordedQuery:
    statement: str
    values: Any
    rows: list[tuple[Any, ...]]


def run_recorded(connection: Connection, statement: Executable, values: dict[str, Any]) -> RecordedQuery:
    """Columns that are read this way come as the driver gives them, or else rows could not be compared."""
    result = connection.execute(statement, values)
    rows = [tuple(row) for row in result]
    context: Any = result.context
    return RecordedQuery(context.statement, context.parameters[0], rows)


def queries_still_match(engine: Engine, reads: Iterable[RecordedQuery]) -> bool:
    """Whether the database would still give the same rows; an outage is an outage here too."""
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
    if domain_error:  # said at once, for to wait once more would be too long
        raise domain_error
    return False  # who reads the long way will see, and say it better


def still_matches(cursor: Any, query: RecordedQuery) -> bool:
    cursor.execute(query.statement, query.values)
    rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
    return rows == query.rows
