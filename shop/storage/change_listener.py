"""One thread per process wakes all waiters when a change is committed in any process."""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Condition, Thread

from sqlalchemy import Engine

from shop.storage.change_log import CHANNEL
from shop.storage.database import build_engine_options

POLL_SECONDS = 0.05  # seconds between two polls of SQLite
# Seconds per wait for PostgreSQL; after so many silent waits the waiters are woken anyway.
LISTEN_SECONDS, MAX_SILENT_ROUNDS = 1.0, 5
NOTIFY_PAUSE = 0.02  # seconds between two notifications, so that many commits wake the waiters once
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


def listen_to_postgresql(engine: Engine) -> Iterator[bool]:
    _, options = engine.dialect.create_connect_args(engine.url)
    options |= build_engine_options(str(engine.url), 1)["connect_args"]
    with closing(engine.dialect.loaded_dbapi.connect(**options, autocommit=True)) as connection:
        connection.execute(f"LISTEN {CHANNEL}")
        yield True
        silent_rounds = 0
        while True:
            was_notified = bool(list(connection.notifies(timeout=LISTEN_SECONDS, stop_after=1)))
            silent_rounds = 0 if was_notified else (silent_rounds + 1) % MAX_SILENT_ROUNDS
            yield was_notified or silent_rounds == 0
            time.sleep(NOTIFY_PAUSE)


def poll_sqlite(engine: Engine) -> Iterator[bool]:
    uri = f"{Path(engine.url.database).as_uri()}?mode=rw"  # does not create a missing file
    with closing(sqlite3.connect(uri, uri=True, timeout=1)) as connection:
        known_version = None
        while True:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            yield version != known_version
            known_version = version
            time.sleep(POLL_SECONDS)


LISTENERS = {"postgresql": listen_to_postgresql, "sqlite": poll_sqlite}
