"""A request that comes twice under one key is done once: the second time the first answer is given again.

The key, the change and the answer are one transaction. Whoever comes while it runs waits for its end.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index, LargeBinary, String, and_, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from shop.model.entity import Base, Id, now
from shop.model.errors import Conflict, DomainError, KeyReused
from shop.storage.database import build_insert, translate_error
from shop.storage.transactions import Context

LIFETIME = timedelta(hours=24)
ROOM, BESIDE = 16 * 1024 * 1024, 500  # bytes for the answers of an account, and for a row beside its body
PURGE_RATE = 0.01  # how often a keyed request sweeps away what has expired


class Replay(Base):
    __tablename__ = "replays"

    user_id: Mapped[int] = mapped_column(Id, primary_key=True)  # 0: somebody without an account
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


def execute_once(
    ctx: Context,
    key: str,
    fingerprints: Sequence[str],
    act: Callable[[], StoredAnswer],
    refuse: Callable[[DomainError], StoredAnswer],
) -> StoredAnswer:
    """Do it and keep the answer, or give the answer that was kept.

    A conflict is an answer and is kept; nothing else that fails is, because it had no effect.
    """
    who = ctx.actor.id if ctx.actor else 0
    with ctx.writing() as session:
        if random.random() < PURGE_RATE:  # noqa: S311
            delete_expired(session)
            drop_oldest(session, who)
        if not claim_key(session, who, key, fingerprints):
            return load_answer(session, who, key, fingerprints)
        answer = run_in_savepoint(session, act, refuse)
        store_answer(session, who, key, answer)
    return answer


def claim_key(session: Session, who: int, key: str, fingerprints: Sequence[str]) -> bool:
    """Whether the key is ours; another who holds it is waited for.

    A refusal had no effect: it is told again to the same words, and makes room for other ones.
    """
    outgrown = and_(Replay.status >= 400, Replay.fingerprint.not_in(fingerprints))
    room = delete(Replay).where(Replay.user_id == who, Replay.key == key)
    session.execute(room.where(or_(Replay.expires_at < now(), outgrown)))
    row = {"status": 0, "body": b"", "media": "", "expires_at": now() + LIFETIME}
    claim = build_insert(session, Replay).values(user_id=who, key=key, fingerprint=fingerprints[0], **row)
    return session.execute(claim.on_conflict_do_nothing().returning(Replay.key)).first() is not None


def load_answer(session: Session, who: int, key: str, fingerprints: Sequence[str]) -> StoredAnswer:
    found = session.get_one(Replay, (who, key), populate_existing=True)
    if found.fingerprint not in fingerprints:
        raise KeyReused(
            "This key came before with another request; choose a new key, or load the form again."
        )
    return StoredAnswer(found.status, found.body, found.media, found.location, replayed=True)


def run_in_savepoint(
    session: Session, act: Callable[[], StoredAnswer], refuse: Callable[[DomainError], StoredAnswer]
) -> StoredAnswer:
    try:
        with session.begin_nested():
            return act()
    except Conflict as error:
        return refuse(error)
    except IntegrityError as error:
        if known := translate_error(error):
            return refuse(known)
        raise


def store_answer(session: Session, who: int, key: str, answer: StoredAnswer) -> None:
    words: dict[str, Any] = {"body": answer.body, "media": answer.media, "location": answer.location}
    session.execute(
        update(Replay)
        .where(Replay.user_id == who, Replay.key == key)
        .values(status=answer.status, **words)
        .execution_options(synchronize_session=False)
    )


def purge_answers(ctx: Context) -> int:
    with ctx.writing() as session:
        return delete_expired(session)


def delete_expired(session: Session) -> int:
    """Forget the answers that nobody may ask for any more."""
    return session.execute(delete(Replay).where(Replay.expires_at < now())).rowcount


def drop_oldest(session: Session, who: int) -> None:
    """Keep the newest answers of an account, as many as fit; all strangers share one account."""
    size = func.sum(func.length(Replay.body) + BESIDE)
    total = size.over(order_by=Replay.expires_at.desc()).label("total")
    rows = select(Replay.expires_at, total).where(Replay.user_id == who).subquery()
    too_old = select(func.max(rows.c.expires_at)).where(rows.c.total > ROOM)
    if (until := session.scalar(too_old)) is not None:
        old = delete(Replay).where(Replay.user_id == who, Replay.expires_at <= until)
        session.execute(old.execution_options(synchronize_session=False))
