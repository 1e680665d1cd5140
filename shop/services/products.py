"""The catalogue: what may be searched for, and how."""

from collections.abc import Collection
from typing import Any

from marshmallow import fields, validate
from sqlalchemy import ColumnElement, Select, bindparam, select

from shop.domain.product import Product, ProductRow
from shop.model.entity import normalize_text
from shop.model.fields import TEXT_PATTERN, Money, PlainText, StrictBoolean
from shop.services.search import KEPT_TOTAL, find_words
from shop.storage.pagination import Page, PageInput, PageQueries, SortOrder, build_count, paginate
from shop.storage.transactions import Context

SORTS = {
    "id": Product.id,
    "name": Product.name_key,
    "price": Product.price,
    "stock": Product.stock,
    "created_at": Product.created_at,
}


class PriceBound(Money):
    """An end of a range of prices; every version writes it as a plain number."""


class ProductSearch(PageInput):
    """What a search may ask for."""

    sort = fields.String(load_default="id", validate=validate.OneOf(list(SORTS)))
    order = fields.String(load_default="asc", validate=validate.OneOf(["asc", "desc"]))
    q = PlainText(
        0,
        100,
        TEXT_PATTERN,
        metadata={"prompt": "Words", "description": "Words of the name or the description."},
    )
    min_price = PriceBound()
    max_price = PriceBound()
    in_stock = StrictBoolean(
        metadata={"description": "true: only what can be bought now; false: only what cannot."}
    )


def build_page_queries(ctx: Context, query: Select[Any], search: dict[str, Any]) -> PageQueries:
    rules, text = build_filters(search), normalize_text(search.get("q", ""))
    if not rules and not text:
        return PageQueries(query, query, KEPT_TOTAL)
    few, many = query.where(*rules), query.where(*build_filters(search, unlike=search["sort"]))
    if not text:
        return PageQueries(few, many, build_total(few, query, search))
    words = find_words(ctx, text)
    count = build_count(few.where(words.counted)) if rules or words.count is None else words.count
    return PageQueries(few.where(words.picked), many.where(words.picked), count)


def build_total(few: Select[Any], query: Select[Any], search: dict[str, Any]) -> Select[Any]:
    """Where all that is wanted is in stock, those are counted that are not: they are fewer."""
    if not search.get("in_stock") or search.keys() & {"min_price", "max_price"}:
        return build_count(few)
    gone = build_count(query.where(Product.stock == 0))
    return select(KEPT_TOTAL.scalar_subquery() - gone.scalar_subquery())


def build_filters(search: dict[str, Any], unlike: str | None = None) -> list[ColumnElement[bool]]:
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


LISTED_PRODUCTS = select(*ProductRow.columns).where(Product.retired_at.is_(None))
ONE_PRODUCT = LISTED_PRODUCTS.where(Product.id == bindparam("id"))


def get_product(ctx: Context, id: int) -> Any:
    for row in ctx.rows(ONE_PRODUCT, id=id):
        return ProductRow.of(row)
    raise Product.missing()


def find_sold_ids(ctx: Context, ids: Collection[int]) -> set[int]:
    """Those of many that are still sold."""
    there = select(Product.id).where(Product.id.in_(ids), Product.retired_at.is_(None))
    return {id for (id,) in ctx.rows(there)} if ids else set()


def list_products(ctx: Context, search: dict[str, Any]) -> Page:
    order = SortOrder(SORTS[search["sort"]], Product.id, descending=search["order"] == "desc")
    return paginate(ctx, build_page_queries(ctx, LISTED_PRODUCTS, search), order, search, ProductRow)
