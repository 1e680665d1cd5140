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
    false,
    func,
    insert,
    literal,
    literal_column,
    select,
    table,
    union_all,
)
from sqlalchemy.exc import SQLAlchemyError

from shop.domain.product import Product
from shop.model.errors import DomainError
from shop.storage.pagination import build_count
from shop.storage.prepared_queries import PreparedQuery
from shop.storage.transactions import Context, TransactionSession

WORDS_INDEX = table("kept_words", column("rowid"), column("words"))
PENDING_WORDS = table("kept_words_late", column("seq"), column("id"))
STORED_TOTAL = select(func.coalesce(func.sum(table("kept_total", column("products")).c.products), 0))
MIN_INDEXED_LENGTH = 3
SMALL_CATALOGUE = 2000  # up to this many products, a plain search is as fast
MAX_MATCHES = 2000  # of words: more are not counted, and not listed before the products are read
MAX_PENDING, INDEX_BATCH = 100, 1000
UNINDEXED_CHARACTERS = frozenset("\ufffd\ufffe\uffff")  # FTS5 does not tell them apart
INDEX_LOCK, TRY_INDEX_LOCK = Lock(), select(func.pg_try_advisory_xact_lock(7_463_922))
GATHER_TOTALS = select(func.kept_total_gather())


def match_words(dialect: str, words: Any) -> ColumnElement[bool]:
    if dialect == "sqlite":
        return literal_column("kept_words").op("MATCH")(words)
    return WORDS_INDEX.c.words.like(words, escape="/")


IS_PENDING = WORDS_INDEX.c.rowid.in_(select(PENDING_WORDS.c.id))


class IndexQueries:
    """The queries of a word, compiled once for a kind of database: how many there are at most, and which."""

    def __init__(self, dialect: str) -> None:
        match = match_words(dialect, bindparam("words"))
        pending = select(PENDING_WORDS.c.id)
        indexed = select(WORDS_INDEX.c.rowid).where(match, ~IS_PENDING)
        most = bindparam("most")
        # In one statement, so that no product moves between the two.
        self.select_ids = PreparedQuery(union_all(pending, indexed).limit(2 * most))
        self.count_ids = PreparedQuery(
            select(
                *(
                    select(func.count()).select_from(ids.limit(most).subquery()).scalar_subquery()
                    for ids in (pending, indexed)
                )
            )
        )


INDEX_QUERIES = {dialect: IndexQueries(dialect) for dialect in ("sqlite", "postgresql")}
SELECT_CATALOGUE_STATE = select(
    STORED_TOTAL.scalar_subquery(), select(func.count()).select_from(PENDING_WORDS).scalar_subquery()
)
ESTIMATE_SECONDS = 5
TOTAL_ESTIMATES: WeakKeyDictionary[Engine, tuple[float, int]] = WeakKeyDictionary()
SIZE_ESTIMATES: WeakKeyDictionary[Engine, tuple[float, int]] = WeakKeyDictionary()


class WordFilter(NamedTuple):
    """The condition for the matching products; for a frequent word, how they are counted as well."""

    condition: ColumnElement[bool]
    total: Select[Any] | None = None  # of a frequent word without other filters
    match: ColumnElement[bool] | None = None

    def build_count(self, query: Select[Any]) -> Select[Any]:
        """Return the query that counts the products of a query with a frequent word.

        The first matches in the index suffice, if the query finds many. Pending products are compared. Both
        have a limit of their own, without which PostgreSQL reads all matches before it counts the first one.
        """
        indexed = query.where(WORDS_INDEX.c.rowid == Product.id, self.match, ~IS_PENDING)
        pending = query.where(self.condition, Product.id.in_(select(PENDING_WORDS.c.id)))
        ids = (
            select(
                each.with_only_columns(Product.id, maintain_column_froms=True)
                .limit(MAX_MATCHES + 1)
                .subquery()
            )
            for each in (indexed, pending)
        )
        return build_count(select(union_all(*ids).subquery()), MAX_MATCHES)


def build_word_filter(ctx: Context, text: str) -> WordFilter:
    plain_match = Product.words.contains(text, autoescape=True)
    if len(text) < MIN_INDEXED_LENGTH or UNINDEXED_CHARACTERS & {*text}:
        return WordFilter(plain_match)
    with ctx.open_connection() as connection:  # the size decides how to search, not what is found
        if estimate_size(connection) <= SMALL_CATALOGUE:
            return WordFilter(plain_match)
        dialect = connection.dialect.name
    queries, pattern = INDEX_QUERIES[dialect], build_pattern(dialect, text)
    words = {"words": pattern, "most": MAX_MATCHES + 1}
    ((pending, indexed),) = ctx.fetch_rows(queries.count_ids, **words)
    if indexed > MAX_MATCHES:
        # Not a parameter: PostgreSQL plans a statement once for all values, and takes the word for rare.
        match = match_words(dialect, literal(pattern, literal_execute=True))
        return WordFilter(plain_match, select(literal(MAX_MATCHES), false()), match)
    if pending > MAX_MATCHES:
        return WordFilter(plain_match)
    rows = ctx.fetch_rows(queries.select_ids, **words)
    if len(rows) > 2 * MAX_MATCHES:  # many have come since they were counted
        return WordFilter(plain_match)
    return WordFilter(plain_match & Product.id.in_(sorted({id for (id,) in rows})))


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
