"""The context of a use case: the caller, the session and the transaction."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from threading import Lock
from time import perf_counter
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, Select, select
from sqlalchemy.orm import Session

from shop.model.entity import Entity
from shop.model.errors import Unavailable
from shop.model.moves import ANYONE, MEMBER, OWNER, STAFF
from shop.storage.database import READS_ONLY
from shop.storage.prepared_queries import PreparedQuery
from shop.storage.recorded_queries import Recording, run_recorded

E = TypeVar("E", bound=Entity)

# SQLite has one writer and no fair queue for the others; this lock is one.
WRITE_LOCK = Lock()
WRITE_LOCK_TIMEOUT = 2.0  # seconds; waiting for other processes may take as long again
IMMEDIATE = {"sqlite_begin": "IMMEDIATE"}  # an execution option of connections that write


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


class Context:
    """Who asks, and what they read and change.

    It records what an answer is made of. What the session reads is not recorded, so no answer made of it is
    cached. An answer that looks at the actor is cached for that actor alone.
    """

    def __init__(
        self,
        session: TransactionSession,
        actor: Actor | None = None,
        currency: str = "USD",
        observe_write_wait: Callable[[float], object]
        | None = None,  # is called with the seconds of each wait
        *,
        keeps_connection: bool = False,  # until `close_reads`
    ) -> None:
        self._session, self._actor = session, actor
        self.currency, self.observe_write_wait = currency, observe_write_wait
        self.keeps_connection = keeps_connection
        self.reads: Connection | None = None
        self.recording = Recording()

    def name_actor(self, actor: Actor) -> None:
        """Set who asks; what was read to find that out is not a part of the answer."""
        self._actor, self.recording = actor, Recording()

    @property
    def session(self) -> TransactionSession:
        self.recording.is_complete = False
        self.close_reads()
        return self._session

    @property
    def actor(self) -> Actor | None:
        self.recording.is_personal = self.recording.is_personal or self._actor is not None
        return self._actor

    @property
    def is_anonymous(self) -> bool:
        return self._actor is None

    def get_roles(self, entity: Any = None) -> frozenset[str]:
        """Return the roles of the caller, including OWNER if the entity belongs to them."""
        if self._actor is None:
            return frozenset({ANYONE})
        owner_id = getattr(entity, "owner_id", None)
        is_owner = owner_id is not None and self.actor.id == owner_id
        return frozenset({ANYONE, MEMBER, self._actor.role} | ({OWNER} if is_owner else set()))

    def can_see(self, entity: Entity | type[Entity]) -> Any:
        """Whether the caller may see an entity; for a kind of entity, the condition for its rows."""
        actor = self.actor
        return entity.is_visible_to(self.get_roles(), actor.id if actor else 0)

    def select_visible(self, kind: type[E]) -> Select[tuple[E]]:
        """Return the query for all entities of a kind that the caller may see."""
        return select(kind).where(self.can_see(kind))

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Return a connection for reads that are not recorded, so that no answer made of them is cached."""
        self.recording.is_complete = False
        with self.open_connection() as connection:
            yield connection
        self.close_reads()  # some readers wait for changes before they read on

    @contextmanager
    def open_connection(self) -> Iterator[Connection]:
        """Reuse the open transaction's connection, or the one for reads, or take one from the pool."""
        if self._session.in_transaction():
            yield self._session.connection()
            return
        if self.reads is None:
            self.reads = self._session.get_bind().connect().execution_options(**{READS_ONLY: True})
        is_kept = False
        try:
            yield self.reads
            is_kept = self.keeps_connection
        finally:
            if not is_kept:
                self.close_reads()

    def close_reads(self) -> None:
        """Give the connection for reads back, so that no thread ever needs two."""
        if self.reads is not None:
            self.reads.close()
            self.reads = None

    def fetch_rows(self, query: PreparedQuery | Executable, **values: Any) -> list[tuple[Any, ...]]:
        """Run a query and record it, so that the response cache can check it again."""
        with self.open_connection() as connection:
            recorded = run_recorded(connection, query, values)
        self.recording.queries.append(recorded)
        return recorded.rows

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
        started_at = perf_counter()
        try:
            with self.hold_turn():
                if self.is_on_sqlite():
                    self.session.connection(execution_options=IMMEDIATE)
                    self.observe_wait(started_at)
                yield self.session
        finally:
            self.session.rollback()

    @contextmanager
    def write_rows(self) -> Iterator[Connection]:
        """Open a write transaction for statements alone; inside another one, join it.

        A session would take a fifth of a checkout. It has another connection: do not use it meanwhile.
        """
        if self.session.is_writing:
            yield self.session.connection()
            return
        self.session.rollback()  # ends the read transaction that loaded the caller
        started_at = perf_counter()
        engine = self.session.get_bind()
        with (
            self.hold_turn(),
            engine.connect().execution_options(**IMMEDIATE) as connection,
            connection.begin(),
        ):
            self.observe_wait(started_at)
            yield connection

    def is_on_sqlite(self) -> bool:
        return self._session.get_bind().dialect.name == "sqlite"

    def hold_turn(self) -> AbstractContextManager[None]:
        return hold_write_lock() if self.is_on_sqlite() else nullcontext()

    def observe_wait(self, started_at: float) -> None:
        if self.observe_write_wait and self.is_on_sqlite():
            self.observe_write_wait(perf_counter() - started_at)


@contextmanager
def hold_write_lock() -> Iterator[None]:
    if not WRITE_LOCK.acquire(timeout=WRITE_LOCK_TIMEOUT):
        raise Unavailable("Too many changes are waiting.", retry_after=2)
    try:
        yield
    finally:
        WRITE_LOCK.release()
