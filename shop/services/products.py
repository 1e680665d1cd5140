"""The catalogue: what may be searched for, and how."""

from collections.abc import Collection
from typing import Any

from marshmallow import fields, validate
from sqlalchemy import ColumnElement, Select, bindparam, select

from shop.domain.base import fold
from shop.domain.product import Listing, Product
from shop.domain.shapes import TEXT, Money, Text, Truth
from shop.services.context import Context
from shop.services.pages import Found, Order, Page, Paging, counted, turn
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


def matching(ctx: Context, query: Select[Any], search: dict[str, Any]) -> Found:
    rules, text = filters(search), fold(search.get("q", ""))
    if not rules and not text:
        return Found(query, query, KEPT)
    few, many = query.where(*rules), query.where(*filters(search, unlike=search["sort"]))
    if not text:
        return Found(few, many, tally(few, query, search))
    words = sought(ctx, text)
    count = counted(few.where(words.counted)) if rules or words.count is None else words.count
    return Found(few.where(words.picked), many.where(words.picked), count)


def tally(few: Select[Any], query: Select[Any], search: dict[str, Any]) -> Select[Any]:
    """Where all that is wanted is in stock, those are counted that are not: they are fewer."""
    if not search.get("in_stock") or search.keys() & {"min_price", "max_price"}:
        return counted(few)
    gone = counted(query.where(Product.stock == 0))
    return select(KEPT.scalar_subquery() - gone.scalar_subquery())


def filters(search: dict[str, Any], unlike: str | None = None) -> list[ColumnElement[bool]]:
    """What a product must be; with a sort, said so that no index of any other column is gone by."""
    price, stock = (
        column if unlike in (None, column.key) else column + 0 for column in (Product.price, Product.stock)
    )
    wanted = {
        "min_price": lambda least: price >= least,
        "max_price": lambda most: price <= most,
        "in_stock": lambda some: stock > 0 if some else stock == 0,
    }
    return [rule(search[name]) for name, rule in wanted.items() if name in search]


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
    return turn(ctx, matching(ctx, LISTED, search), order, search, Listing)
