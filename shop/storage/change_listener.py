"""One thread per process wakes all waiters when a change is committed in any process."""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from threading import Condition, Thread
from typing import Any

from sqlalchemy import Engine

from shop.storage.change_log import TRY_LOCK, assign_numbers, build_look_query, list_feeds
from shop.storage.database import build_engine_options
from shop.storage.timeouts import STATEMENT_TIMEOUT, build_connection_class

POLL_SECONDS = 0.05  # seconds between two looks
MAX_SHARE = 0.05  # of the time that looks may take; a slow database is looked at less often
RECONNECT_PAUSE = 5.0  # the most seconds before a lost connection is opened again

log = logging.getLogger("shop")


class ChangeListener:
    """Counts possible changes; its thread starts with the first waiter."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.position, self.stopped = engine, 0, False
        self.change = Condition()
        self.thread: Thread | None = None
        self.callbacks: set[Callable[[], object]] = set()

    def get_position(self) -> int:
        """Return the position for `wait_for_change`; read it before the data, to miss no change."""
        with self.change:
            if self.thread is None and not self.stopped:
                self.thread = Thread(target=self.run, name="shop-watcher", daemon=True)
                self.thread.start()
            return self.position

    def wait_for_change(self, position: int, seconds: float) -> bool:
        """Wait for a change after the position; return False after a timeout or a stop."""
        with self.change:
            self.change.wait_for(lambda: self.position != position or self.stopped, max(0, seconds))
            return self.position != position and not self.stopped

    def notify(self) -> None:
        with self.change:
            self.position += 1
            self.change.notify_all()
            callbacks = list(self.callbacks)
        for callback in callbacks:
            callback()

    def stop(self) -> None:
        """Stop the thread and wake all waiters."""
        self.stopped = True
        self.notify()

    def run(self) -> None:
        pause = 0.0
        while not self.stopped:
            try:
                for has_changed in LISTENERS[self.engine.dialect.name](self.engine):
                    if self.stopped:
                        return
                    if has_changed:
                        self.notify()
                    pause = 0.0
            except self.engine.dialect.loaded_dbapi.Error as error:
                if not pause and not self.stopped:
                    log.warning("the watcher of changes lost the database: %s", str(error).partition("\n")[0])
                pause = min(pause * 2 or POLL_SECONDS, RECONNECT_PAUSE)
                with self.change:
                    self.change.wait_for(lambda: self.stopped, pause)


def poll_postgresql(engine: Engine) -> Iterator[bool]:
    """Look for rows without a number and number them; tell whether there are new numbers.

    This also works behind a pooler of transactions, which would drop notifications.
    """
    query, known_numbers = build_look_query(), None
    with closing(connect_to_postgresql(engine)) as connection:
        while True:
            started_at = time.monotonic()
            look = connection.execute(query).fetchone()
            seconds = time.monotonic() - started_at
            if has_numbered := any(assign_numbers_found(engine, look)):
                look = connection.execute(query).fetchone()
            yield has_numbered or look[::2] != known_numbers  # a table that was emptied gives numbers again
            known_numbers = look[::2]
            time.sleep(max(POLL_SECONDS, seconds / MAX_SHARE))


def assign_numbers_found(engine: Engine, look: Sequence[int | None]) -> list[bool]:
    """Number the rows that a look has found; leave it to another process if that is numbering just now."""
    return [
        assign_numbers(engine, table, newest, lock=TRY_LOCK)
        for table, newest in zip(list_feeds(), look[1::2], strict=True)
        if newest is not None
    ]


def connect_to_postgresql(engine: Engine) -> Any:
    """Open a connection outside of the pool, because the thread needs it all the time."""
    _, options = engine.dialect.create_connect_args(engine.url)
    options |= build_engine_options(str(engine.url), 1)["connect_args"]
    connection_class = build_connection_class(engine.dialect.loaded_dbapi)
    connection = connection_class.connect(**options, autocommit=True)
    connection.silence_timeout = STATEMENT_TIMEOUT
    return connection


def poll_sqlite(engine: Engine) -> Iterator[bool]:
    uri = f"{Path(engine.url.database).as_uri()}?mode=rw"  # does not create a missing file
    with closing(sqlite3.connect(uri, uri=True, timeout=1)) as connection:
        known_version = None
        while True:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            yield version != known_version
            known_version = version
            time.sleep(POLL_SECONDS)


LISTENERS = {"postgresql": poll_postgresql, "sqlite": poll_sqlite}
