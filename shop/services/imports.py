"""Many products at once: all of them, or, if asked to skip, all that are right."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from shop.domain.change import record_new_products
from shop.domain.product import PRODUCTS, NewProduct, Product
from shop.model.moves import get_moves
from shop.storage.transactions import Context

BATCH = 1000
SHAPE = NewProduct()
STORE = insert(PRODUCTS).returning(PRODUCTS.c.id)  # by which SQLAlchemy writes many in one statement

Row = tuple[int, dict[str, Any] | ValueError]
Complaint = Callable[[int, str], None]


class Refused(Exception):
    """Some lines were wrong, so nothing was taken."""


def import_products(
    ctx: Context, rows: Iterable[Row], complain: Complaint, *, skip_bad: bool = False
) -> tuple[int, int]:
    """Take the rows into the catalogue in one transaction; how many were good and bad."""
    good = bad = 0
    batch: list[dict[str, Any]] = []
    with ctx.writing() as session:
        if refusal := get_moves(Product)["create"].refusal(Product, ctx.roles()):
            raise refusal
        for number, row in rows:
            try:
                product = Product.create(**load_row(row))
            except ValueError as error:
                bad += 1
                complain(number, str(error))
                continue
            good += 1
            if skip_bad or not bad:
                batch.append(list_values(product))
                if len(batch) == BATCH:
                    store_batch(session, batch)
        if bad and not skip_bad:
            raise Refused(f"{bad} bad lines; nothing was imported (--skip-bad takes the others)")
        store_batch(session, batch)
    return good, bad


def store_batch(session: Session, batch: list[dict[str, Any]]) -> None:
    """Those that wait, into the catalogue and into the feed of its changes."""
    if batch:
        record_new_products(session, sorted(session.scalars(STORE, batch)))
        batch.clear()


def list_values(product: Product) -> dict[str, Any]:
    """Its columns, as the session would write them one product at a time."""
    return {name: value for name, value in vars(product).items() if name in PRODUCTS.c} | {"version": 1}


def load_row(row: dict[str, Any] | ValueError) -> dict[str, Any]:
    if isinstance(row, ValueError):
        raise row
    try:
        return SHAPE.load(row)
    except ValidationError as error:
        raise ValueError(join_messages(error.messages_dict)) from None


def join_messages(messages: dict[str, Any]) -> str:
    return "; ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in messages.items())


def iterate_products(ctx: Context) -> Iterator[Product]:
    """Every product that is not retired, a batch at a time."""
    query = select(Product).where(Product.retired_at.is_(None)).order_by(Product.id)
    for product in ctx.session.scalars(query.execution_options(yield_per=BATCH)):
        yield product
        ctx.session.expunge(product)
