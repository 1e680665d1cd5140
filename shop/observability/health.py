"""Whether this process may be sent requests: what it needs is there, and answers within a second."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine
from sqlalchemy.exc import SQLAlchemyError

from shop.model.errors import Unavailable
from shop.storage.database import build_engine_options, keep_private
from shop.storage.migration_state import describe_lag, get_revision, list_revisions

PATIENCE, QUICK = 0.8, 0.2  # one after the other at worst: a second


class Question:
    """Asked in a thread of its own, so that only the thread hangs where nobody answers.

    Whoever asks meanwhile waits for the same answer: however many ask, one connection is enough.
    """

    def __init__(self, ask: Callable[[], Any]) -> None:
        self.ask, self.lock, self.asked = ask, Lock(), Future[Any]()
        self.asked.set_result(None)

    def put(self) -> Future[Any]:
        with self.lock:
            if self.asked.done():
                self.asked = Future()
                Thread(target=self.answer, args=(self.asked,), daemon=True).start()
            return self.asked

    def answer(self, asked: Future[Any]) -> None:
        try:
            asked.set_result(self.ask())
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits for it
            asked.set_exception(error)


class Health:
    def __init__(self, database_url: str, redis_url: str, folder: Path) -> None:
        engine = apart(database_url)
        self.known = list_revisions(folder)
        self.step = Question(lambda: get_revision(engine))
        self.redis = Question(lambda: ping(redis_url)) if redis_url else None

    def ready(self, *, stopping: bool = False) -> dict[str, str]:
        """The state of everything, or Unavailable with the state of everything. Redis is never required."""
        if stopping:
            raise Unavailable("This process is about to stop.", retry_after=1)
        step, redis = self.step.put(), self.redis and self.redis.put()
        state = {"redis": met(redis), "database": "up"}
        try:
            state["schema"] = (found := step.result(PATIENCE)) or "none"
        except (SQLAlchemyError, TimeoutError):
            down = {**state, "database": "down"}
            raise Unavailable("The database does not answer.", retry_after=2, state=down) from None
        if behind := describe_lag(found, self.known):
            raise Unavailable(f"The database is {behind}.", retry_after=5, state=state)
        return state


def apart(url: str) -> Engine:
    """Connections of its own: a pool that is busy is no reason to send requests elsewhere."""
    engine = create_engine(url, poolclass=NullPool, connect_args=build_engine_options(url, 1)["connect_args"])
    if engine.dialect.name == "sqlite":
        keep_private(engine)
    return engine


def ping(url: str) -> None:
    from redis import Redis  # an extra
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    wire = {"socket_timeout": QUICK, "socket_connect_timeout": QUICK, "retry": Retry(NoBackoff(), 0)}
    with Redis.from_url(url, **wire) as client:
        client.ping()


def met(asked: Future[Any] | None) -> str:
    if asked is None:
        return "unset"
    try:
        asked.result(QUICK)
    except Exception:  # noqa: BLE001 - redis is an extra, and so are its errors
        return "down"
    return "up"
