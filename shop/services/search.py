"""Finding words fast: the same rows as a plain search finds, by an index of every three characters.

Each database brings such an index: FTS5 with trigrams, and pg_trgm (docs/decisions/0013). It is a table
beside the products, so that a change of the stock leaves it alone. Triggers note which products it is late
with, and those are looked at one by one until somebody takes them in: so whoever writes is quick and is seen.
"""

import re
import time
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    bindparam,
    column,
    delete,
    func,
    insert,
    literal_column,
    select,
    table,
    union_all,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shop.domain.product import Product
from shop.model.errors import DomainError
from shop.storage.transactions import Context

WORDS_INDEX = table("kept_words", column("rowid"), column("words"))
WORDS_LATE = table("kept_words_late", column("seq"), column("id"))
KEPT_TOTAL = select(func.coalesce(func.sum(table("kept_total", column("products")).c.products), 0))
SHORTEST = 3
SMALL = RARE = 2000  # of so many products, and with words that so many have, the plain way is as quick
MAX_LATE, BATCH = 100, 1000
MEANT_OTHERWISE = frozenset("\ufffd\ufffe\uffff")  # FTS5 takes them for one another
INDEXING, TRY_INDEX_LOCK = Lock(), select(func.pg_try_advisory_xact_lock(7_463_922))
GATHER_TOTALS = select(func.kept_total_gather())


def match_words(dialect: str, words: Any) -> ColumnElement[bool]:
    if dialect == "sqlite":
        return literal_column("kept_words").op("MATCH")(words)
    return WORDS_INDEX.c.words.like(words, escape="/")


def build_candidates(named: ColumnElement[bool]) -> Select[Any]:
    """In one statement, so that nothing is taken in between the one and the other."""
    late = select(WORDS_LATE.c.id, literal_column("1").label("late")).limit(bindparam("most")).subquery()
    found = (
        select(WORDS_INDEX.c.rowid, literal_column("0").label("late"))
        .where(named)
        .limit(bindparam("most"))
        .subquery()
    )
    return union_all(select(late), select(found))


def build_total(named: ColumnElement[bool], plain: ColumnElement[bool]) -> Select[Any]:
    """How many: by the index, but for those it is late with."""
    late = select(WORDS_LATE.c.id)
    indexed = select(func.count()).select_from(WORDS_INDEX).where(named, WORDS_INDEX.c.rowid.not_in(late))
    others = select(func.count()).where(Product.id.in_(late), Product.retired_at.is_(None), plain)
    return select(indexed.scalar_subquery() + others.scalar_subquery())


PROBES = {each: build_candidates(match_words(each, bindparam("words"))) for each in ("sqlite", "postgresql")}
STATE = select(KEPT_TOTAL.scalar_subquery(), select(func.count()).select_from(WORDS_LATE).scalar_subquery())
ESTIMATES: WeakKeyDictionary[Engine, tuple[float, int]] = WeakKeyDictionary()


class Words(NamedTuple):
    """What picks the products with these words; what does to count them; how many, where that is all."""

    picked: ColumnElement[bool]
    counted: ColumnElement[bool]
    count: Select[Any] | None = None


def find_words(ctx: Context, text: str) -> Words:
    plain = Product.words.contains(text, autoescape=True)
    if len(text) < SHORTEST or MEANT_OTHERWISE & {*text}:
        return Words(plain, plain)
    with ctx.reading() as connection:
        if estimate_size(connection) <= SMALL:
            return Words(plain, plain)
        dialect = connection.dialect.name
    asked = build_pattern(dialect, text)
    rows = ctx.rows(PROBES[dialect], words=asked, most=RARE + 1)
    late = sum(is_late for _, is_late in rows)
    if late > RARE:
        return Words(plain, plain)
    if len(rows) - late > RARE:
        named = match_words(dialect, asked)
        everywhere = select(WORDS_INDEX.c.rowid).where(named).union_all(select(WORDS_LATE.c.id))
        return Words(plain, plain & Product.id.in_(everywhere), build_total(named, plain))
    few = plain & Product.id.in_(sorted({id for id, _ in rows}))
    return Words(few, few)


def build_pattern(dialect: str, text: str) -> str:
    if dialect == "sqlite":
        return '"' + text.replace('"', '""') + '"'
    return "%" + re.sub("([%_/])", r"/\1", text) + "%"


def estimate_size(connection: Connection) -> int:
    """About how many products there are; whoever looks again sees to it that the index catches up."""
    until, known = ESTIMATES.get(connection.engine, (0.0, 0))
    if time.monotonic() > until:
        known, late = connection.execute(STATE).one()
        ESTIMATES[connection.engine] = time.monotonic() + 5, known
        if late > MAX_LATE:
            Thread(target=catch_up_index, args=(connection.engine,), daemon=True).start()
    return known


def index_batch(connection: Connection) -> int:
    """Bring the index up with some of what it is late with; how many. Never two at once."""
    if connection.dialect.name == "postgresql":
        if not connection.scalar(TRY_INDEX_LOCK):
            return 0
        connection.execute(GATHER_TOTALS)  # the parts of the total
    first = select(WORDS_LATE.c.seq).order_by(WORDS_LATE.c.seq).limit(BATCH)
    ids = sorted(
        {
            *connection.scalars(
                delete(WORDS_LATE).where(WORDS_LATE.c.seq.in_(first)).returning(WORDS_LATE.c.id)
            )
        }
    )
    if ids:
        live = select(Product.id, Product.words).where(Product.id.in_(ids), Product.retired_at.is_(None))
        connection.execute(delete(WORDS_INDEX).where(WORDS_INDEX.c.rowid.in_(ids)))
        connection.execute(insert(WORDS_INDEX).from_select(["rowid", "words"], live))
    return len(ids)


def catch_up_index(engine: Engine) -> None:
    """Take in all, a batch at a time, and half of the time is left to other writers."""
    if not INDEXING.acquire(blocking=False):
        return
    try:
        with suppress(SQLAlchemyError, DomainError):  # whoever searches next tries again
            while True:
                began = time.monotonic()
                with Session(engine) as session, Context(session).writing():
                    if not index_batch(session.connection()):
                        return
                time.sleep(time.monotonic() - began)
    finally:
        INDEXING.release()
