"""Changes of the catalogue: a log that other services read in order.

The changes of a transaction are collected in its session and written just before the commit.
"""

from array import array
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, bindparam, column, event, func, insert, literal, select, table
from sqlalchemy.orm import Mapped, SessionTransaction, mapped_column

from shop.model.entity import Base, Id, UTCDateTime, now
from shop.storage.change_log import FeedRow, FirstNumber, build_feed_indexes
from shop.storage.prepared_queries import prepare_insert
from shop.storage.transactions import TransactionSession

CREATED, CHANGED, STOCKED, RETIRED = "created", "changed", "stocked", "retired"
CHANGE_KINDS = [CREATED, CHANGED, STOCKED, RETIRED]
PURGED = "purged"  # the kind of the last deleted change; it marks where the feed begins


class Change(FeedRow, Base):
    __tablename__ = "changes"
    __table_args__ = (*build_feed_indexes("changes"), {"sqlite_autoincrement": True})

    kind: Mapped[str] = mapped_column(String(20))
    product_id: Mapped[int] = mapped_column(Id)
    price: Mapped[int] = mapped_column(Id)
    stock: Mapped[int] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(default=now)


INSERT_CHANGE = prepare_insert(Change.__table__, "kind", "product_id", "price", "stock", "at")
PRICED_PRODUCTS = table("products", *map(column, ("id", "price", "stock")))
INSERT_CREATED = insert(Change.__table__).from_select(
    ["seq", "kind", "product_id", "price", "stock", "at"],
    select(
        FirstNumber("changes") + func.row_number().over(order_by=PRICED_PRODUCTS.c.id) - 1,
        literal(CREATED),
        PRICED_PRODUCTS.c.id,
        PRICED_PRODUCTS.c.price,
        PRICED_PRODUCTS.c.stock,
        bindparam("at", type_=UTCDateTime()),
    )
    .where(PRICED_PRODUCTS.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(PRICED_PRODUCTS.c.id),
)


def record_change(session: TransactionSession, product: Any, kind: str) -> None:
    """Record a change of a product with its current price and stock."""
    session.pending_changes.append(build_change(product, kind))


def build_change(product: Any, kind: str) -> dict[str, Any]:
    return {"kind": kind, "product_id": product.id, "price": product.price, "stock": product.stock}


def insert_changes(connection: Connection, changes: list[dict[str, Any]]) -> None:
    at = now()
    INSERT_CHANGE.run_many(connection, [{**change, "at": at} for change in changes])


def record_new_products(session: TransactionSession, ids: Iterable[int]) -> None:
    """Record new products by their ids alone, because an import may have a million of them."""
    session.pending_changes.append(array("q", ids))


@event.listens_for(TransactionSession, "after_transaction_create")
def mark_savepoint(session: TransactionSession, transaction: SessionTransaction) -> None:
    """Add a savepoint to the list, so that a rollback can discard the changes after it."""
    if transaction.nested:
        session.pending_changes.append(transaction)
    elif transaction.parent is None:
        session.pending_changes.clear()


@event.listens_for(TransactionSession, "after_soft_rollback")
def discard_rolled_back(session: TransactionSession, transaction: SessionTransaction) -> None:
    pending = session.pending_changes
    if transaction.nested and transaction in pending:
        del pending[pending.index(transaction) :]


@event.listens_for(TransactionSession, "before_commit")
def write_changes(session: TransactionSession) -> None:
    if session.in_nested_transaction():
        return
    session.flush()
    pending, session.pending_changes = session.pending_changes, []
    rows, id_arrays = ([entry for entry in pending if type(entry) is kind] for kind in (dict, array))
    if rows:
        insert_changes(session.connection(), rows)
    for ids in id_arrays:
        session.connection().execute(INSERT_CREATED, {"ids": ids.tolist(), "at": now()})
