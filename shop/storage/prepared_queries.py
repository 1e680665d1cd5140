"""Statements that are compiled once, so that only the database works when they are run.

SQLAlchemy takes several times as long to prepare a small statement as a database takes to run it.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Executable, bindparam, insert


class PreparedQuery:
    """A statement with bound parameters. The rows of its results are raw values of the driver."""

    def __init__(self, statement: Executable) -> None:
        self.statement = statement
        self.binders: dict[str, Callable[[dict[str, Any]], tuple[str, Any]]] = {}

    def bind(self, dialect: Dialect, values: dict[str, Any]) -> tuple[str, Any]:
        """Return the SQL and its parameters in the form that the driver wants."""
        if dialect.name not in self.binders:
            self.binders[dialect.name] = build_binder(self.statement, dialect)
        return self.binders[dialect.name](values)

    def run(self, connection: Connection, **values: Any) -> CursorResult[Any]:
        return connection.exec_driver_sql(*self.bind(connection.dialect, values))

    def run_many(self, connection: Connection, rows: list[dict[str, Any]]) -> None:
        bound = [self.bind(connection.dialect, row) for row in rows]
        connection.exec_driver_sql(bound[0][0], [parameters for _, parameters in bound])


def prepare_insert(table: Any, *names: str, returning: Any = None) -> PreparedQuery:
    """Return the INSERT of these columns; the others get the defaults that the database computes."""
    statement = insert(table).values({name: bindparam(name, type_=table.c[name].type) for name in names})
    return PreparedQuery(statement if returning is None else statement.returning(returning))


def build_binder(statement: Executable, dialect: Dialect) -> Callable[[dict[str, Any]], tuple[str, Any]]:
    compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
    text, defaults, names = str(compiled), compiled.params, compiled.positiontup
    processors = {
        name: process
        for name, bound in compiled.binds.items()
        if (process := bound.type.dialect_impl(dialect).bind_processor(dialect))
    }

    def bind(values: dict[str, Any]) -> tuple[str, Any]:
        parameters = {**defaults, **values}
        for name, process in processors.items():
            parameters[name] = process(parameters[name])
        return text, tuple(parameters[name] for name in names) if names is not None else parameters

    return bind
