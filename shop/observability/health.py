"""The readiness check: whether the database and Redis answer within a second."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine
from sqlalchemy.exc import SQLAlchemyError

from shop.model.errors import Unavailable
from shop.storage.database import build_engine_options, make_files_private
from shop.storage.migration_state import describe_lag, get_revision, list_revisions

DATABASE_TIMEOUT, REDIS_TIMEOUT = 0.8, 0.2  # seconds; together at most one second


class SharedCheck:
    """A check that runs in its own thread, so that a server that hangs blocks only that thread.

    Callers that start it while it runs share its result, so one connection is enough for all of them.
    """

    def __init__(self, check: Callable[[], Any]) -> None:
        self.check, self.lock, self.result = check, Lock(), Future[Any]()
        self.result.set_result(None)

    def start(self) -> Future[Any]:
        with self.lock:
            if self.result.done():
                self.result = Future()
                Thread(target=self.run, args=(self.result,), daemon=True).start()
            return self.result

    def run(self, result: Future[Any]) -> None:
        try:
            result.set_result(self.check())
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits for the result
            result.set_exception(error)


class Health:
    def __init__(self, database_url: str, redis_url: str, folder: Path) -> None:
        engine = create_private_engine(database_url)
        self.known_revisions = list_revisions(folder)
        self.revision_check = SharedCheck(lambda: get_revision(engine))
        self.redis_check = SharedCheck(lambda: ping_redis(redis_url)) if redis_url else None

    def check_readiness(self) -> dict[str, str]:
        """Return the state of database, schema and Redis; raise Unavailable if requests cannot be served.

        Redis is optional: the shop also works while it is down.
        """
        revision_result, redis_result = (
            self.revision_check.start(),
            self.redis_check and self.redis_check.start(),
        )
        state = {"redis": describe_redis(redis_result), "database": "up"}
        try:
            state["schema"] = (revision := revision_result.result(DATABASE_TIMEOUT)) or "none"
        except (SQLAlchemyError, TimeoutError):
            down = {**state, "database": "down"}
            raise Unavailable("The database does not answer.", retry_after=2, state=down) from None
        if behind := describe_lag(revision, self.known_revisions):
            raise Unavailable(f"The database is {behind}.", retry_after=5, state=state)
        return state


def create_private_engine(url: str) -> Engine:
    """Create an engine for the health check alone, so that a busy pool does not make the check fail."""
    engine = create_engine(url, poolclass=NullPool, connect_args=build_engine_options(url, 1)["connect_args"])
    if engine.dialect.name == "sqlite":
        make_files_private(engine)
    return engine


def ping_redis(url: str) -> None:
    from redis import Redis  # an extra
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    options = {
        "socket_timeout": REDIS_TIMEOUT,
        "socket_connect_timeout": REDIS_TIMEOUT,
        "retry": Retry(NoBackoff(), 0),
    }
    with Redis.from_url(url, **options) as client:
        client.ping()


def describe_redis(result: Future[Any] | None) -> str:
    if result is None:
        return "unset"
    try:
        result.result(REDIS_TIMEOUT)
    except Exception:  # noqa: BLE001 - redis is an optional package, so its error classes may not exist
        return "down"
    return "up"
