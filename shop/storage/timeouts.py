"""Client-side timeouts for the database, because the driver waits without limit for a frozen server."""

from contextvars import ContextVar
from select import POLLIN, poll
from time import monotonic
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

# Seconds without an answer: for a new or pooled connection, and then for each statement.
CONNECT_TIMEOUT, STATEMENT_TIMEOUT = 1.0, 3.5
# Seconds that SQLite waits for a writer; SQLite steps between two checks of the deadline.
BUSY_TIMEOUT, PROGRESS_STEPS = 2.5, 10_000
MAX_UNCHECKED = 1.0  # seconds in the pool after which a connection is checked before it is used
RETRY_PAUSE = 1.0  # seconds without new attempts after a connection timed out


def limit_waits(engine: Engine) -> None:
    driver: Any = engine.dialect.dbapi
    connection = build_connection_class(driver)
    failed_at = -RETRY_PAUSE

    @event.listens_for(engine, "do_connect")
    def connect(_: Any, __: Any, args: list[Any], options: dict[str, Any]) -> Any:
        nonlocal failed_at
        started_at = monotonic()
        if started_at - failed_at < RETRY_PAUSE:
            raise driver.OperationalError("the server did not answer a moment ago")
        try:
            return connection.connect(*args, **options, autocommit=True)  # transactions begin explicitly
        except driver.OperationalError:
            if monotonic() - started_at > CONNECT_TIMEOUT:
                failed_at = monotonic()
            raise

    @event.listens_for(engine, "checkout")
    def prepare_connection(connection: Any, *_: Any) -> None:
        if connection.needs_check():
            check_connection(engine, connection)
        if not connection.autocommit:  # another isolation level was used, and reset to the default
            connection.autocommit = True
        connection.silence_timeout = STATEMENT_TIMEOUT

    @event.listens_for(engine, "checkin")
    def set_connect_timeout(connection: Any, _: Any) -> None:
        if connection:
            connection.silence_timeout, connection.returned_at = CONNECT_TIMEOUT, monotonic()


def check_connection(engine: Engine, connection: Any) -> None:
    """Ask the server for a sign of life; if there is none, the pool replaces all of its connections."""
    try:
        connection.execute("")
    except engine.dialect.dbapi.Error as error:
        raise InvalidatePoolError from error


def build_connection_class(driver: Any) -> Any:
    """Return a connection class that closes itself when the server does not answer in time."""

    class Connection(driver.Connection):  # type: ignore[misc]
        silence_timeout: float | None = CONNECT_TIMEOUT
        returned_at = 0.0  # to the pool, in the time of `monotonic`

        def needs_check(self) -> bool:
            """Whether the server may be gone: after a while, or if it sent what was not asked for."""
            if self.closed or monotonic() - self.returned_at > MAX_UNCHECKED:
                return True
            watched = poll()  # not `select`, which knows no descriptors above 1023
            watched.register(self.pgconn.socket, POLLIN)
            return bool(watched.poll(0))

        def wait(self, *args: Any, **kwargs: Any) -> Any:
            started_at = monotonic()
            try:
                return super().wait(*args, **{"timeout": self.silence_timeout, **kwargs})
            except driver.OperationalError:
                if self.silence_timeout and monotonic() - started_at >= self.silence_timeout:
                    self.close()  # the pool then discards it and all connections of the same age
                raise

    return Connection


DEADLINE: ContextVar[float] = ContextVar("deadline", default=float("inf"))  # in the time of `monotonic`


def has_deadline() -> bool:
    return DEADLINE.get() != float("inf")


def limit_transactions(engine: Engine) -> None:
    """Limit transactions to the deadline of their caller, if the caller has set one."""
    (limit_sqlite if engine.dialect.name == "sqlite" else limit_postgresql)(engine)


def limit_postgresql(engine: Engine) -> None:
    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        if (seconds_left := DEADLINE.get() - monotonic()) < STATEMENT_TIMEOUT:
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, int(seconds_left * 1000))}")


def limit_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "checkout")
    def set_deadline(connection: Any, *_: Any) -> None:
        deadline = DEADLINE.get()
        wait = min(BUSY_TIMEOUT, max(0.001, deadline - monotonic()))
        connection.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")
        connection.set_progress_handler(lambda: monotonic() > deadline, PROGRESS_STEPS)
