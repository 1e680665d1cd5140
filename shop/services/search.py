"""Text search with a trigram index; it finds the same rows as a plain LIKE search.

The index is FTS5 in SQLite and pg_trgm in PostgreSQL (docs/decisions/0013). It is a separate table, so that
stock changes do not touch it. Triggers list changed products as pending; a search compares them one by one
until a thread indexes them. So writes stay fast and are found at once.
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

from shop.domain.product import Product
from shop.model.errors import DomainError
from shop.storage.pagination import build_count
from shop.storage.transactions import Context, TransactionSession

WORDS_INDEX = table("kept_words", column("rowid"), column("words"))
PENDING_WORDS = table("kept_words_late", column("seq"), column("id"))
STORED_TOTAL = select(func.coalesce(func.sum(table("kept_total", column("products")).c.products), 0))
MIN_INDEXED_LENGTH = 3
SMALL_CATALOGUE = MAX_RARE_MATCHES = 2000  # up to this many products or matches, a plain search is as fast
MAX_PENDING, INDEX_BATCH = 100, 1000
UNINDEXED_CHARACTERS = frozenset("\ufffd\ufffe\uffff")  # FTS5 does not tell them apart
INDEX_LOCK, TRY_INDEX_LOCK = Lock(), select(func.pg_try_advisory_xact_lock(7_463_922))
GATHER_TOTALS = select(func.kept_total_gather())


def match_words(dialect: str, words: Any) -> ColumnElement[bool]:
    if dialect == "sqlite":
        return literal_column("kept_words").op("MATCH")(words)
    return WORDS_INDEX.c.words.like(words, escape="/")


def build_candidates(match: ColumnElement[bool]) -> Select[Any]:
    """Return pending and indexed matches in one statement, so that no product moves between the two."""
    pending = (
        select(PENDING_WORDS.c.id, literal_column("1").label("late")).limit(bindparam("most")).subquery()
    )
    matches = (
        select(WORDS_INDEX.c.rowid, literal_column("0").label("late"))
        .where(match)
        .limit(bindparam("most"))
        .subquery()
    )
    return union_all(select(pending), select(matches))


def build_match_count(match: ColumnElement[bool], plain_match: ColumnElement[bool]) -> Select[Any]:
    """Return the query that counts matches: by the index, and pending products by a plain search."""
    pending = select(PENDING_WORDS.c.id)
    indexed = select(WORDS_INDEX.c.rowid).where(match, WORDS_INDEX.c.rowid.not_in(pending))
    pending_matches = select(Product.id).where(
        Product.id.in_(pending), Product.retired_at.is_(None), plain_match
    )
    return build_count(select(union_all(indexed, pending_matches).subquery()))


CANDIDATE_QUERIES = {
    dialect: build_candidates(match_words(dialect, bindparam("words")))
    for dialect in ("sqlite", "postgresql")
}
SELECT_CATALOGUE_STATE = select(
    STORED_TOTAL.scalar_subquery(), select(func.count()).select_from(PENDING_WORDS).scalar_subquery()
)
ESTIMATE_SECONDS = 5
TOTAL_ESTIMATES: WeakKeyDictionary[Engine, tuple[float, int]] = WeakKeyDictionary()
SIZE_ESTIMATES: WeakKeyDictionary[Engine, tuple[float, int]] = WeakKeyDictionary()


class WordFilter(NamedTuple):
    """Conditions for the matching products and for counting them, and a ready query for the total."""

    condition: ColumnElement[bool]
    count_condition: ColumnElement[bool]
    count: Select[Any] | None = None


def build_word_filter(ctx: Context, text: str) -> WordFilter:
    plain_match = Product.words.contains(text, autoescape=True)
    if len(text) < MIN_INDEXED_LENGTH or UNINDEXED_CHARACTERS & {*text}:
        return WordFilter(plain_match, plain_match)
    with ctx.open_connection() as connection:  # the size decides how to search, not what is found
        if estimate_size(connection) <= SMALL_CATALOGUE:
            return WordFilter(plain_match, plain_match)
        dialect = connection.dialect.name
    pattern = build_pattern(dialect, text)
    rows = ctx.fetch_rows(CANDIDATE_QUERIES[dialect], words=pattern, most=MAX_RARE_MATCHES + 1)
    pending = sum(is_pending for _, is_pending in rows)
    if pending > MAX_RARE_MATCHES:
        return WordFilter(plain_match, plain_match)
    if len(rows) - pending > MAX_RARE_MATCHES:
        match = match_words(dialect, pattern)
        candidates = select(WORDS_INDEX.c.rowid).where(match).union_all(select(PENDING_WORDS.c.id))
        return WordFilter(
            plain_match, plain_match & Product.id.in_(candidates), build_match_count(match, plain_match)
        )
    condition = plain_match & Product.id.in_(sorted({id for id, _ in rows}))
    return WordFilter(condition, condition)


def build_pattern(dialect: str, text: str) -> str:
    if dialect == "sqlite":
        return '"' + text.replace('"', '""') + '"'
    return "%" + re.sub("([%_/])", r"/\1", text) + "%"


def estimate_total(connection: Connection) -> int:
    """Return the approximate number of products."""
    expires_at, total = TOTAL_ESTIMATES.get(connection.engine, (0.0, 0))
    if time.monotonic() > expires_at:
        total = connection.execute(STORED_TOTAL).scalar_one()
        TOTAL_ESTIMATES[connection.engine] = time.monotonic() + ESTIMATE_SECONDS, total
    return total


def estimate_size(connection: Connection) -> int:
    """Return the approximate number of products; starts the indexing thread if many products are pending."""
    expires_at, size = SIZE_ESTIMATES.get(connection.engine, (0.0, 0))
    if time.monotonic() > expires_at:
        size, pending = connection.execute(SELECT_CATALOGUE_STATE).one()
        SIZE_ESTIMATES[connection.engine] = time.monotonic() + ESTIMATE_SECONDS, size
        if pending > MAX_PENDING:
            Thread(target=catch_up_index, args=(connection.engine,), daemon=True).start()
    return size


def index_batch(connection: Connection) -> int:
    """Index one batch of pending products and return their number; a lock excludes parallel runs."""
    if connection.dialect.name == "postgresql":
        if not connection.scalar(TRY_INDEX_LOCK):
            return 0
        connection.execute(GATHER_TOTALS)  # merges the partial totals
    oldest = select(PENDING_WORDS.c.seq).order_by(PENDING_WORDS.c.seq).limit(INDEX_BATCH)
    ids = sorted(
        {
            *connection.scalars(
                delete(PENDING_WORDS).where(PENDING_WORDS.c.seq.in_(oldest)).returning(PENDING_WORDS.c.id)
            )
        }
    )
    if ids:
        rows = select(Product.id, Product.words).where(Product.id.in_(ids), Product.retired_at.is_(None))
        connection.execute(delete(WORDS_INDEX).where(WORDS_INDEX.c.rowid.in_(ids)))
        connection.execute(insert(WORDS_INDEX).from_select(["rowid", "words"], rows))
    return len(ids)


def catch_up_index(engine: Engine) -> None:
    """Index all pending products in batches, with pauses that leave half of the time to other writers."""
    if not INDEX_LOCK.acquire(blocking=False):
        return
    try:
        with suppress(SQLAlchemyError, DomainError):  # the next search tries again
            while True:
                started_at = time.monotonic()
                with TransactionSession(engine) as session, Context(session).transaction():
                    if not index_batch(session.connection()):
                        return
                time.sleep(time.monotonic() - started_at)
    finally:
        INDEX_LOCK.release()
