"""How long we wait for PostgreSQL: one that is frozen refuses nothing, and its driver would wait for ever."""

from time import monotonic
from typing import Any

from sqlalchemy import Engine, event

# Seconds that it may be silent: to a connection that lay in the pool, or is new, and then to each statement.
BRIEF, LONG = 1.0, 3.5
PAUSE = 1.0  # seconds in which nobody tries again where somebody waited in vain


def limit(engine: Engine) -> None:
    driver: Any = engine.dialect.dbapi
    connection = impatient(driver)
    failed = -PAUSE

    @event.listens_for(engine, "do_connect")
    def connect(_: Any, __: Any, args: list[Any], options: dict[str, Any]) -> Any:
        nonlocal failed
        began = monotonic()
        if began - failed < PAUSE:
            raise driver.OperationalError("the server did not answer a moment ago")
        try:
            return connection.connect(*args, **options)
        except driver.OperationalError:
            if monotonic() - began > BRIEF:
                failed = monotonic()
            raise

    @event.listens_for(engine, "checkout")
    def take(connection: Any, *_: Any) -> None:
        connection.patience = LONG

    @event.listens_for(engine, "checkin")
    def give_back(connection: Any, _: Any) -> None:
        if connection:
            connection.patience = BRIEF


def impatient(driver: Any) -> Any:
    """The driver's connection, which gives itself up when the server is silent for too long."""

    class Connection(driver.Connection):  # type: ignore[misc]
        patience: float | None = BRIEF

        def wait(self, *args: Any, **kwargs: Any) -> Any:
            began = monotonic()
            try:
                return super().wait(*args, **{"timeout": self.patience, **kwargs})
            except driver.OperationalError:
                if self.patience and monotonic() - began >= self.patience:
                    self.close()  # the pool then has done with it, and with all that are as old
                raise

    return Connection
