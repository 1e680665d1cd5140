"""The catalogue: what may be searched for, and how."""

from typing import Any

from marshmallow import fields, validate
from sqlalchemy import Select, bindparam, select

from shop.domain.base import fold
from shop.domain.product import Listing, Product
from shop.domain.shapes import TEXT, Money, Text, Truth
from shop.services.context import Context
from shop.services.pages import Order, Page, Paging, counted, turn
from shop.services.search import KEPT, sought

SORTS = {
    "id": Product.id,
    "name": Product.name_key,
    "price": Product.price,
    "stock": Product.stock,
    "created_at": Product.created_at,
}


class Bound(Money):
    """An end of a range of prices; every version writes it as a plain number."""


class Search(Paging):
    """What a search may ask for."""

    sort = fields.String(load_default="id", validate=validate.OneOf(list(SORTS)))
    order = fields.String(load_default="asc", validate=validate.OneOf(["asc", "desc"]))
    q = Text(
        0, 100, TEXT, metadata={"prompt": "Words", "description": "Words of the name or the description."}
    )
    min_price = Bound()
    max_price = Bound()
    in_stock = Truth(metadata={"description": "true: only what can be bought now; false: only what cannot."})


def matching(ctx: Context, query: Select[Any], search: dict[str, Any]) -> tuple[Select[Any], Select[Any]]:
    """What a search finds of them, and what counts that."""
    count = KEPT
    if text := fold(search.get("q", "")):
        words, count = sought(ctx, text)
        query = query.where(words)
    found = filtered(query, search)
    return found, counted(found) if found is not query or count is None else count


def filtered(query: Select[Any], search: dict[str, Any]) -> Select[Any]:
    if "min_price" in search:
        query = query.where(Product.price >= search["min_price"])
    if "max_price" in search:
        query = query.where(Product.price <= search["max_price"])
    if "in_stock" in search:
        query = query.where(Product.stock > 0 if search["in_stock"] else Product.stock == 0)
    return query


LISTED = select(*Listing.columns).where(Product.retired_at.is_(None))
ONE = LISTED.where(Product.id == bindparam("id"))


def look(ctx: Context, id: int) -> Any:
    with ctx.reading() as connection:
        row = connection.execute(ONE, {"id": id}).one_or_none()
    if row is None:
        raise Product.missing()
    return Listing._make(row)


def browse(ctx: Context, search: dict[str, Any]) -> Page:
    order = Order(SORTS[search["sort"]], Product.id, descending=search["order"] == "desc")
    found, count = matching(ctx, LISTED, search)
    return turn(ctx, found, order, search, Listing, count)
