"""Import and export of many products."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import insert

from shop.domain.change import record_new_products
from shop.domain.product import PRODUCTS_TABLE, NewProduct, Product
from shop.model.moves import get_moves
from shop.storage.transactions import Context, TransactionSession

IMPORT_BATCH = 1000
PRODUCT_SCHEMA = NewProduct()
# Lets SQLAlchemy insert many rows with one statement.
INSERT_PRODUCTS = insert(PRODUCTS_TABLE).returning(PRODUCTS_TABLE.c.id)

Row = tuple[int, dict[str, Any] | ValueError]
ReportError = Callable[[int, str], None]


class ImportRefused(Exception):
    """Some lines were invalid, so nothing was imported."""


def import_products(
    ctx: Context, rows: Iterable[Row], report_error: ReportError, *, skip_bad: bool = False
) -> tuple[int, int]:
    """Import rows in one transaction; return the numbers of valid and invalid rows."""
    good_count = bad_count = 0
    batch: list[dict[str, Any]] = []
    with ctx.transaction() as session:
        if refusal := get_moves(Product)["create"].find_error(Product, ctx.get_roles()):
            raise refusal
        for number, row in rows:
            try:
                product = Product.create(**load_row(row))
            except ValueError as error:
                bad_count += 1
                report_error(number, str(error))
                continue
            good_count += 1
            if skip_bad or not bad_count:
                batch.append(collect_product_values(product))
                if len(batch) == IMPORT_BATCH:
                    store_batch(session, batch)
        if bad_count and not skip_bad:
            raise ImportRefused(
                f"{bad_count} bad lines; nothing was imported (--skip-bad imports the others)"
            )
        store_batch(session, batch)
    return good_count, bad_count


def store_batch(session: TransactionSession, batch: list[dict[str, Any]]) -> None:
    """Insert a batch of products and record their changes."""
    if batch:
        record_new_products(session, sorted(session.scalars(INSERT_PRODUCTS, batch)))
        batch.clear()


def collect_product_values(product: Product) -> dict[str, Any]:
    """Return the column values of a product, as the session would write them."""
    return {name: value for name, value in vars(product).items() if name in PRODUCTS_TABLE.c} | {"version": 1}


def load_row(row: dict[str, Any] | ValueError) -> dict[str, Any]:
    if isinstance(row, ValueError):
        raise row
    try:
        return PRODUCT_SCHEMA.load(row)
    except ValidationError as error:
        raise ValueError(join_messages(error.messages_dict)) from None


def join_messages(messages: dict[str, Any]) -> str:
    return "; ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in messages.items())


def iterate_products(ctx: Context) -> Iterator[Product]:
    """Yield every product that is not retired; reads in batches."""
    query = ctx.select_visible(Product).order_by(Product.id)
    for product in ctx.session.scalars(query.execution_options(yield_per=IMPORT_BATCH)):
        yield product
        ctx.session.expunge(product)
