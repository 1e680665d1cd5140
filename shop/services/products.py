"""The catalogue: what may be searched for, and how."""

from collections.abc import Collection
from typing import Any

from marshmallow import fields, validate
from sqlalchemy import Select, bindparam, select

from shop.domain.base import fold
from shop.domain.product import Listing, Product
from shop.domain.shapes import TEXT, Money, Text, Truth
from shop.services.context import Context
from shop.services.pages import Order, Page, Paging, turn

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


def matching(query: Select[Any], search: dict[str, Any]) -> Select[Any]:
    if q := search.get("q"):
        query = query.where(Product.words.contains(fold(q), autoescape=True))
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
    for row in ctx.rows(ONE, id=id):
        return Listing.of(row)
    raise Product.missing()


def sold(ctx: Context, ids: Collection[int]) -> set[int]:
    """Those of many that are still sold."""
    there = select(Product.id).where(Product.id.in_(ids), Product.retired_at.is_(None))
    return {id for (id,) in ctx.rows(there)} if ids else set()


def browse(ctx: Context, search: dict[str, Any]) -> Page:
    order = Order(SORTS[search["sort"]], Product.id, descending=search["order"] == "desc")
    return turn(ctx, matching(LISTED, search), order, search, Listing)
