"""Many products at once: all of them, or, if asked to skip, all that are right."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from shop.domain.change import record_all
from shop.domain.moves import moves
from shop.domain.product import Product, shelf
from shop.domain.shapes import NewProduct
from shop.services.context import Context

BATCH = 1000
SHAPE = NewProduct()
STORE = insert(shelf).returning(shelf.c.id)  # by which SQLAlchemy writes many in one statement

Row = tuple[int, dict[str, Any] | ValueError]
Complaint = Callable[[int, str], None]


class Refused(Exception):
    """Some lines were wrong, so nothing was taken."""


def load(
    ctx: Context, rows: Iterable[Row], complain: Complaint, *, skip_bad: bool = False
) -> tuple[int, int]:
    """Take the rows into the catalogue in one transaction; how many were good and bad."""
    good = bad = 0
    batch: list[dict[str, Any]] = []
    with ctx.writing() as session:
        if refusal := moves(Product)["create"].refusal(Product, ctx.roles()):
            raise refusal
        for number, row in rows:
            try:
                product = Product.create(**read(row))
            except ValueError as error:
                bad += 1
                complain(number, str(error))
                continue
            good += 1
            if skip_bad or not bad:
                batch.append(kept(product))
                if len(batch) == BATCH:
                    store(session, batch)
        if bad and not skip_bad:
            raise Refused(f"{bad} bad lines; nothing was imported (--skip-bad takes the others)")
        store(session, batch)
    return good, bad


def store(session: Session, batch: list[dict[str, Any]]) -> None:
    """Those that wait, into the catalogue and into the feed of its changes."""
    if batch:
        record_all(session, sorted(session.scalars(STORE, batch)))
        batch.clear()


def kept(product: Product) -> dict[str, Any]:
    """Its columns, as the session would write them one product at a time."""
    return {name: value for name, value in vars(product).items() if name in shelf.c} | {"version": 1}


def read(row: dict[str, Any] | ValueError) -> dict[str, Any]:
    if isinstance(row, ValueError):
        raise row
    try:
        return SHAPE.load(row)
    except ValidationError as error:
        raise ValueError(said(error.messages_dict)) from None


def said(messages: dict[str, Any]) -> str:
    return "; ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in messages.items())


def everything(ctx: Context) -> Iterator[Product]:
    """Every product that is not retired, a batch at a time."""
    query = select(Product).where(Product.retired_at.is_(None)).order_by(Product.id)
    for product in ctx.session.scalars(query.execution_options(yield_per=BATCH)):
        yield product
        ctx.session.expunge(product)
