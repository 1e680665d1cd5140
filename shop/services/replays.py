"""A request that comes twice under one key is done once: the second time the first answer is given again.

The key, the change and the answer are one transaction. Whoever comes while it runs waits for its end.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.domain.base import now
from shop.domain.errors import Conflict, Reused, ShopError
from shop.domain.replay import Replay
from shop.services.context import Context
from shop.services.database import insert_or, meaning

LIFE = timedelta(hours=24)
ROOM, BESIDE = 16 * 1024 * 1024, 500  # bytes for the answers of an account, and for a row beside its body
SWEEP = 0.01  # how often a keyed request sweeps away what has expired


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    media: str
    location: str | None = None
    replayed: bool = False


def once(
    ctx: Context,
    key: str,
    fingerprints: Sequence[str],
    act: Callable[[], Answer],
    refuse: Callable[[ShopError], Answer],
) -> Answer:
    """Do it and keep the answer, or give the answer that was kept.

    A conflict is an answer and is kept; nothing else that fails is, because it had no effect.
    """
    who = ctx.actor.id if ctx.actor else 0
    with ctx.writing() as session:
        if random.random() < SWEEP:  # noqa: S311
            purge(session)
            drop_oldest(session, who)
        if not claimed(session, who, key, fingerprints):
            return kept(session, who, key, fingerprints)
        answer = settled(session, act, refuse)
        keep(session, who, key, answer)
    return answer


def claimed(session: Session, who: int, key: str, fingerprints: Sequence[str]) -> bool:
    """Whether the key is ours; another who holds it is waited for.

    A refusal had no effect: it is told again to the same words, and makes room for other ones.
    """
    outgrown = and_(Replay.status >= 400, Replay.fingerprint.not_in(fingerprints))
    room = delete(Replay).where(Replay.user_id == who, Replay.key == key)
    session.execute(room.where(or_(Replay.expires_at < now(), outgrown)))
    row = {"status": 0, "body": b"", "media": "", "expires_at": now() + LIFE}
    claim = insert_or(session, Replay).values(user_id=who, key=key, fingerprint=fingerprints[0], **row)
    return session.execute(claim.on_conflict_do_nothing().returning(Replay.key)).first() is not None


def kept(session: Session, who: int, key: str, fingerprints: Sequence[str]) -> Answer:
    found = session.get_one(Replay, (who, key), populate_existing=True)
    if found.fingerprint not in fingerprints:
        raise Reused("This key came before with another request; choose a new key, or load the form again.")
    return Answer(found.status, found.body, found.media, found.location, replayed=True)


def settled(session: Session, act: Callable[[], Answer], refuse: Callable[[ShopError], Answer]) -> Answer:
    try:
        with session.begin_nested():
            return act()
    except Conflict as error:
        return refuse(error)
    except IntegrityError as error:
        if known := meaning(error):
            return refuse(known)
        raise


def keep(session: Session, who: int, key: str, answer: Answer) -> None:
    words: dict[str, Any] = {"body": answer.body, "media": answer.media, "location": answer.location}
    session.execute(
        update(Replay)
        .where(Replay.user_id == who, Replay.key == key)
        .values(status=answer.status, **words)
        .execution_options(synchronize_session=False)
    )


def sweep(ctx: Context) -> int:
    with ctx.writing() as session:
        return purge(session)


def purge(session: Session) -> int:
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
