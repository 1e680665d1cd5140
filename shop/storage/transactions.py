"""The context of a use case: the caller, the session and the transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from threading import Lock
from time import perf_counter
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, Select, select
from sqlalchemy.orm import Session

from shop.model.entity import Entity
from shop.model.errors import Unavailable
from shop.model.moves import ANYONE, MEMBER, OWNER, STAFF
from shop.storage.recorded_queries import RecordedQuery, run_recorded

E = TypeVar("E", bound=Entity)

# SQLite has one writer and no fair queue for the others; this lock is one.
WRITE_LOCK = Lock()
WRITE_LOCK_TIMEOUT = 2.0  # seconds; waiting for other processes may take as long again


@dataclass(frozen=True)
class Actor:
    id: int
    role: str
    login: str = ""
    name: str = ""


OPERATOR = Actor(0, STAFF, "")  # the shop itself and its commands


class TransactionSession(Session):
    """A session that knows its write transaction, and which changes to record just before the commit."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.is_writing = False
        self.pending_changes: list[Any] = []


@dataclass(frozen=True)
class Context:
    session: TransactionSession
    actor: Actor | None = None
    currency: str = "USD"
    observe_write_wait: Callable[[float], object] | None = None  # is called with the seconds of each wait
    recorded_queries: list[RecordedQuery | None] = field(default_factory=list)  # None: one is missing

    def get_roles(self, entity: Any = None) -> frozenset[str]:
        """Return the roles of the caller, including OWNER if the entity belongs to them."""
        if not self.actor:
            return frozenset({ANYONE})
        is_owner = getattr(entity, "owner_id", None) == self.actor.id
        return frozenset({ANYONE, MEMBER, self.actor.role} | ({OWNER} if is_owner else set()))

    def can_see(self, entity: Entity | type[Entity]) -> Any:
        """Whether the caller may see an entity; for a kind of entity, the condition for its rows."""
        return entity.is_visible_to(self.get_roles(), self.actor.id if self.actor else 0)

    def select_visible(self, kind: type[E]) -> Select[tuple[E]]:
        """Return the query for all entities of a kind that the caller may see."""
        return select(kind).where(self.can_see(kind))

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Return a connection for reads that are not recorded, so that no answer made of them is cached."""
        self.recorded_queries.append(None)
        with self.open_connection() as connection:
            yield connection

    @contextmanager
    def open_connection(self) -> Iterator[Connection]:
        """Reuse the open transaction's connection, or take one from the pool."""
        if self.session.in_transaction():
            yield self.session.connection()
            return
        with self.session.get_bind().connect() as connection:
            yield connection

    def fetch_rows(self, statement: Executable, **values: Any) -> list[tuple[Any, ...]]:
        """Run a query and record it, so that the response cache can check it again."""
        with self.open_connection() as connection:
            query = run_recorded(connection, statement, values)
        self.recorded_queries.append(query)
        return query.rows

    @contextmanager
    def transaction(self) -> Iterator[TransactionSession]:
        """Open a write transaction that is committed at the end; inside another one, join it."""
        if self.session.is_writing:
            yield self.session
            self.session.flush()
            return
        with self.begin_writing() as session:
            session.is_writing = True
            try:
                yield session
                session.commit()
            finally:
                session.is_writing = False

    @contextmanager
    def begin_writing(self) -> Iterator[TransactionSession]:
        self.session.rollback()  # ends the read transaction that loaded the caller
        sqlite, started_at = self.session.get_bind().dialect.name == "sqlite", perf_counter()
        try:
            with hold_write_lock() if sqlite else nullcontext():
                if sqlite:
                    self.session.connection(execution_options={"sqlite_begin": "IMMEDIATE"})
                    if self.observe_write_wait:
                        self.observe_write_wait(perf_counter() - started_at)
                yield self.session
        finally:
            self.session.rollback()


@contextmanager
def hold_write_lock() -> Iterator[None]:
    if not WRITE_LOCK.acquire(timeout=WRITE_LOCK_TIMEOUT):
        raise Unavailable("Too many changes are waiting.", retry_after=2)
    try:
        yield
    finally:
        WRITE_LOCK.release()
