"""Finding words fast: the same rows as a plain search finds, by an index of every three characters.

Each database brings such an index: FTS5 with trigrams, and pg_trgm (docs/decisions/0013). It is a table
beside the products, so that a change of the stock leaves it alone. Triggers note which products it is late
with, and those are looked at one by one until somebody takes them in: so whoever writes is quick and is seen.
"""

import time
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    column,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
    table,
    union_all,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shop.domain.errors import ShopError
from shop.domain.product import Product
from shop.services.context import Context

WORDS = table("kept_words", column("rowid"), column("words"))
LATE = table("kept_words_late", column("seq"), column("id"))
TOTAL = table("kept_total", column("products"))
SHORTEST = 3
RARE = 2000  # words that more products have are met soon enough without it
TARDY, BATCH = 100, 1000
MEANT_OTHERWISE = frozenset("\ufffd\ufffe\uffff")  # FTS5 takes them for one another
TAKING_IN, ALONE = Lock(), select(func.pg_try_advisory_xact_lock(7_463_922))
GATHER = select(func.kept_total_gather())

KEPT = select(func.coalesce(func.sum(TOTAL.c.products), 0))  # PostgreSQL's has several parts


def contains(text: str) -> ColumnElement[bool]:
    return Product.words.contains(text, autoescape=True)


class Words(NamedTuple):
    """What picks the products with these words; what does to count them; how many, where that is all."""

    picked: ColumnElement[bool]
    counted: ColumnElement[bool]
    count: Select[Any] | None = None


def sought(ctx: Context, text: str) -> Words:
    plain = contains(text)
    if len(text) < SHORTEST or MEANT_OTHERWISE & {*text}:
        return Words(plain, plain)
    with ctx.reading() as connection:
        named = hits(connection.dialect.name, text)
        rows = connection.execute(candidates(named)).all()
        late = [id for id, is_late in rows if is_late]
        if len(late) > TARDY and not TAKING_IN.locked():
            Thread(target=catch_up, args=(connection.engine,), daemon=True).start()
    if len(late) > RARE:
        return Words(plain, plain)
    if len(rows) - len(late) > RARE:
        everywhere = select(WORDS.c.rowid).where(named).union_all(select(LATE.c.id))
        return Words(plain, plain & Product.id.in_(everywhere), total(named, plain))
    few = plain & Product.id.in_(sorted({id for id, _ in rows}))
    return Words(few, few)


def hits(dialect: str, text: str) -> ColumnElement[bool]:
    if dialect == "sqlite":
        return literal_column("kept_words").op("MATCH")('"' + text.replace('"', '""') + '"')
    return WORDS.c.words.contains(text, autoescape=True)


def candidates(named: ColumnElement[bool]) -> Select[Any]:
    """In one statement, so that nothing is taken in between the one and the other."""
    late = select(LATE.c.id, literal(1)).limit(RARE + 1).subquery()
    found = select(WORDS.c.rowid, literal(0)).where(named).limit(RARE + 1).subquery()
    return union_all(select(late), select(found))


def total(named: ColumnElement[bool], plain: ColumnElement[bool]) -> Select[Any]:
    """How many: by the index, but for those it is late with."""
    late = select(LATE.c.id)
    indexed = select(func.count()).select_from(WORDS).where(named, WORDS.c.rowid.not_in(late))
    others = select(func.count()).where(Product.id.in_(late), Product.retired_at.is_(None), plain)
    return select(indexed.scalar_subquery() + others.scalar_subquery())


def take_in(connection: Connection) -> int:
    """Bring the index up with some of what it is late with; how many. Never two at once."""
    if connection.dialect.name == "postgresql":
        if not connection.scalar(ALONE):
            return 0
        connection.execute(GATHER)  # the parts of the total
    first = select(LATE.c.seq).order_by(LATE.c.seq).limit(BATCH)
    ids = sorted({*connection.scalars(delete(LATE).where(LATE.c.seq.in_(first)).returning(LATE.c.id))})
    if ids:
        live = select(Product.id, Product.words).where(Product.id.in_(ids), Product.retired_at.is_(None))
        connection.execute(delete(WORDS).where(WORDS.c.rowid.in_(ids)))
        connection.execute(insert(WORDS).from_select(["rowid", "words"], live))
    return len(ids)


def catch_up(engine: Engine) -> None:
    """Take in all, a batch at a time, and half of the time is left to other writers."""
    if not TAKING_IN.acquire(blocking=False):
        return
    try:
        with suppress(SQLAlchemyError, ShopError):  # whoever searches next tries again
            while True:
                began = time.monotonic()
                with Session(engine) as session, Context(session).writing():
                    if not take_in(session.connection()):
                        return
                time.sleep(time.monotonic() - began)
    finally:
        TAKING_IN.release()
