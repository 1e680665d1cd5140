"""Idempotency keys: a repeated request is executed once and gets the stored answer of the first time.

Key, change and answer are written in one transaction. A request with the same key waits until it ends.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import Index, LargeBinary, String, and_, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from shop.model.entity import Base, Id, now
from shop.model.errors import Conflict, DomainError, KeyReused
from shop.storage.database import build_insert, translate_error
from shop.storage.transactions import Context

ANSWER_LIFETIME = timedelta(hours=24)
# Bytes stored per account; bytes of a row in addition to its body.
MAX_STORED_BYTES, ROW_OVERHEAD_BYTES = 16 * 1024 * 1024, 500
PURGE_RATE = 0.01  # the share of requests with a key that delete expired answers

A = TypeVar("A")


class Replay(Base):
    __tablename__ = "replays"

    user_id: Mapped[int] = mapped_column(Id, primary_key=True)  # 0: anonymous callers
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    media: Mapped[str] = mapped_column(String(100))
    location: Mapped[str | None] = mapped_column(String(2000))
    expires_at: Mapped[datetime]

    __table_args__ = (Index(None, "expires_at"),)


@dataclass(frozen=True)
class StoredAnswer:
    status: int
    body: bytes
    media: str
    location: str | None = None
    replayed: bool = False


@dataclass(frozen=True, kw_only=True)
class Idempotency(Generic[A]):
    """How a door finds the key of a call, recognises a repetition, and stores and restores an answer."""

    read_key: Callable[[], str | None]
    compute_fingerprints: Callable[[], Sequence[str]]  # the newest first; a repetition has one of them
    store: Callable[[A], StoredAnswer]
    store_refusal: Callable[[DomainError], StoredAnswer]
    restore: Callable[[StoredAnswer], A]


def answer_once(ctx: Context, idempotency: Idempotency[A] | None, run: Callable[[], A]) -> A:
    """Return the answer of `run`; for a repeated call with a key, the stored answer of the first time."""
    key = idempotency.read_key() if idempotency else None
    if idempotency is None or key is None:
        return run()
    stored = execute_once(
        ctx,
        key,
        idempotency.compute_fingerprints(),
        lambda: idempotency.store(run()),
        idempotency.store_refusal,
    )
    return idempotency.restore(stored)


def find_answer(ctx: Context, idempotency: Idempotency[A] | None) -> A | None:
    """Return the stored answer of a call that is repeated, or None; used where its entity is gone."""
    key = idempotency.read_key() if idempotency else None
    if idempotency is None or key is None:
        return None
    query = select(Replay).where(
        Replay.user_id == (ctx.actor.id if ctx.actor else 0),
        Replay.key == key,
        Replay.status > 0,
        Replay.fingerprint.in_(idempotency.compute_fingerprints()),
        Replay.expires_at >= now(),
    )
    replay = ctx.session.scalar(query)
    if replay is None:
        return None
    return idempotency.restore(
        StoredAnswer(replay.status, replay.body, replay.media, replay.location, replayed=True)
    )


def execute_once(
    ctx: Context,
    key: str,
    fingerprints: Sequence[str],
    run: Callable[[], StoredAnswer],
    build_refusal: Callable[[DomainError], StoredAnswer],
) -> StoredAnswer:
    """Run a request and store its answer, or return the stored answer.

    Conflicts are stored as answers. Other errors are not, because they have no effect and may be repeated.
    """
    user_id = ctx.actor.id if ctx.actor else 0
    with ctx.transaction() as session:
        if random.random() < PURGE_RATE:  # noqa: S311
            delete_expired(session)
            drop_oldest(session, user_id)
        if not claim_key(session, user_id, key, fingerprints):
            return load_answer(session, user_id, key, fingerprints)
        answer = run_in_savepoint(session, run, build_refusal)
        store_answer(session, user_id, key, answer)
    return answer


def claim_key(session: Session, user_id: int, key: str, fingerprints: Sequence[str]) -> bool:
    """Claim a key and return whether it was free; waits for a running request with the same key.

    A stored refusal is repeated for the same request, and is replaced by a different request.
    """
    is_replaceable = and_(Replay.status >= 400, Replay.fingerprint.not_in(fingerprints))
    own_key = delete(Replay).where(Replay.user_id == user_id, Replay.key == key)
    session.execute(own_key.where(or_(Replay.expires_at < now(), is_replaceable)))
    row = {"status": 0, "body": b"", "media": "", "expires_at": now() + ANSWER_LIFETIME}
    claim = build_insert(session, Replay).values(user_id=user_id, key=key, fingerprint=fingerprints[0], **row)
    return session.execute(claim.on_conflict_do_nothing().returning(Replay.key)).first() is not None


def load_answer(session: Session, user_id: int, key: str, fingerprints: Sequence[str]) -> StoredAnswer:
    replay = session.get_one(Replay, (user_id, key), populate_existing=True)
    if replay.fingerprint not in fingerprints:
        raise KeyReused(
            "This key came before with another request; choose a new key, or load the form again."
        )
    return StoredAnswer(replay.status, replay.body, replay.media, replay.location, replayed=True)


def run_in_savepoint(
    session: Session, run: Callable[[], StoredAnswer], build_refusal: Callable[[DomainError], StoredAnswer]
) -> StoredAnswer:
    try:
        with session.begin_nested():
            return run()
    except Conflict as error:
        return build_refusal(error)
    except IntegrityError as error:
        if domain_error := translate_error(error):
            return build_refusal(domain_error)
        raise


def store_answer(session: Session, user_id: int, key: str, answer: StoredAnswer) -> None:
    values: dict[str, Any] = {"body": answer.body, "media": answer.media, "location": answer.location}
    session.execute(
        update(Replay)
        .where(Replay.user_id == user_id, Replay.key == key)
        .values(status=answer.status, **values)
        .execution_options(synchronize_session=False)
    )


def purge_answers(ctx: Context) -> int:
    with ctx.transaction() as session:
        return delete_expired(session)


def delete_expired(session: Session) -> int:
    """Delete expired answers and return their number."""
    return session.execute(delete(Replay).where(Replay.expires_at < now())).rowcount


def drop_oldest(session: Session, user_id: int) -> None:
    """Delete the oldest answers of an account above MAX_STORED_BYTES; anonymous callers share one account."""
    size = func.sum(func.length(Replay.body) + ROW_OVERHEAD_BYTES)
    total = size.over(order_by=Replay.expires_at.desc()).label("total")
    rows = select(Replay.expires_at, total).where(Replay.user_id == user_id).subquery()
    newest_dropped = select(func.max(rows.c.expires_at)).where(rows.c.total > MAX_STORED_BYTES)
    if (cut_off := session.scalar(newest_dropped)) is not None:
        query = delete(Replay).where(Replay.user_id == user_id, Replay.expires_at <= cut_off)
        session.execute(query.execution_options(synchronize_session=False))
