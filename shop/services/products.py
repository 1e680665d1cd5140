"""Search and lists of products."""

from collections.abc import Collection
from functools import cache
from typing import Any

from marshmallow import fields, validate
from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, func, select

from shop.domain.product import Product, ProductRow
from shop.model.entity import normalize_text
from shop.model.fields import TEXT_PATTERN, MoneyBound, PlainText, StrictBoolean
from shop.services.search import STORED_TOTAL, build_word_filter, estimate_total
from shop.storage.pagination import (
    MAX_COUNT,
    UNKNOWN_SIZE,
    Page,
    PageInput,
    PageQueries,
    PreparedPageQueries,
    SortOrder,
    build_count,
    build_total,
    paginate,
)
from shop.storage.prepared_queries import PreparedQuery
from shop.storage.transactions import Context

SORT_COLUMNS = {
    "id": Product.id,
    "name": Product.name_key,
    "price": Product.price,
    "stock": Product.stock,
    "created_at": Product.created_at,
}


class ProductSearch(PageInput):
    """The parameters of a product search."""

    sort = fields.String(
        load_default="id",
        validate=validate.OneOf(list(SORT_COLUMNS)),
        metadata={"description": "The member to sort by."},
    )
    order = fields.String(
        load_default="asc",
        validate=validate.OneOf(["asc", "desc"]),
        metadata={"description": "asc: the lowest first; desc: the highest first."},
    )
    q = PlainText(
        0,
        100,
        TEXT_PATTERN,
        metadata={
            "prompt": "Words",
            "description": "Words of the name or the description.",
            "examples": ["walnut"],
        },
    )
    min_price = MoneyBound(metadata={"description": "The lowest price.", "examples": [100]})
    max_price = MoneyBound(metadata={"description": "The highest price.", "examples": [500]})
    in_stock = StrictBoolean(
        metadata={
            "description": "true: only what can be bought now; false: only what cannot.",
            "examples": [True],
        }
    )


def build_page_queries(ctx: Context, query: Select[Any], search: dict[str, Any]) -> PageQueries:
    text = normalize_text(search.get("q", ""))
    return build_word_queries(ctx, query, search, text) if text else build_plain_queries(query, search)


def build_plain_queries(query: Select[Any], search: dict[str, Any]) -> PageQueries:
    """Return the queries of a search without words."""
    conditions = build_filters(search)
    if not conditions:
        return PageQueries(query, query, build_total(STORED_TOTAL))
    if_few, if_many = query.where(*conditions), query.where(*build_filters(search, sort_name=search["sort"]))
    return PageQueries(if_few, if_many, build_total_query(if_few, query, search))


@cache
def prepare_plain_queries(names: frozenset[str], in_stock: bool | None, sort: str) -> PreparedPageQueries:
    """Return the queries of all searches without words that have these filters and this order."""
    search = {**dict.fromkeys(names), "in_stock": in_stock, "sort": sort}
    if in_stock is None:
        del search["in_stock"]
    return PreparedPageQueries(build_plain_queries(SELECT_LISTED, search))


def build_word_queries(ctx: Context, query: Select[Any], search: dict[str, Any], text: str) -> PageQueries:
    conditions = build_filters(search)
    if_few, if_many = query.where(*conditions), query.where(*build_filters(search, sort_name=search["sort"]))
    word_filter = build_word_filter(ctx, text)
    condition = word_filter.condition
    if word_filter.total is None:
        few = if_few.where(condition)
        return PageQueries(few, if_many.where(condition), build_count(few))
    if not conditions:
        return PageQueries(if_few.where(condition), if_few.where(condition), word_filter.total)
    _, has_few = ctx.fetch_rows(build_count(if_few, MAX_COUNT), **search)[0]
    if has_few:  # the other filters find few products, so these are compared with the words
        few = if_few.where(condition)
        return PageQueries(few, few, build_count(few))
    many = if_many.where(condition)
    return PageQueries(many, many, word_filter.build_count(if_many))


def build_total_query(if_few: Select[Any], query: Select[Any], search: dict[str, Any]) -> Select[Any]:
    """Return the query for the total; in-stock searches count the sold-out products, which are fewer."""
    if not search.get("in_stock") or search.keys() & {"min_price", "max_price"}:
        return build_count(if_few)
    sold_out = query.with_only_columns(func.count()).where(Product.stock == 0)
    in_stock = select(STORED_TOTAL.scalar_subquery() - sold_out.scalar_subquery())
    return build_total(in_stock)


def build_filters(search: dict[str, Any], sort_name: str | None = None) -> list[ColumnElement[bool]]:
    """Return the filter conditions; with a sort name, written so that only the sort index applies."""
    price, stock = (
        column if sort_name in (None, column.key) else column + 0 for column in (Product.price, Product.stock)
    )
    condition_builders = {
        "min_price": lambda minimum: price >= bindparam("min_price", minimum, BigInteger),
        "max_price": lambda maximum: price <= bindparam("max_price", maximum, BigInteger),
        "in_stock": lambda in_stock: stock > 0 if in_stock else stock == 0,
    }
    return [
        build_condition(search[name])
        for name, build_condition in condition_builders.items()
        if name in search
    ]


SELECT_LISTED = select(*ProductRow.columns).where(Product.retired_at.is_(None))
SELECT_PRODUCT = PreparedQuery(SELECT_LISTED.where(Product.id == bindparam("id")))


def get_product(ctx: Context, id: int) -> Any:
    for row in ctx.fetch_rows(SELECT_PRODUCT, id=id):
        return ProductRow._make(row)
    raise Product.build_not_found()


def find_sold_ids(ctx: Context, ids: Collection[int]) -> set[int]:
    """Return the ids of the products that are still sold."""
    query = select(Product.id).where(Product.id.in_(ids), Product.retired_at.is_(None))
    return {id for (id,) in ctx.fetch_rows(query)} if ids else set()


def list_products(ctx: Context, search: dict[str, Any]) -> Page:
    order = SortOrder(SORT_COLUMNS[search["sort"]], Product.id, descending=search["order"] == "desc")
    queries, size = find_page_queries(ctx, search), UNKNOWN_SIZE
    if queries.if_few is not queries.if_many:
        with ctx.open_connection() as connection:
            size = estimate_total(connection)
    return paginate(ctx, queries, order, search, ProductRow, size)


def find_page_queries(ctx: Context, search: dict[str, Any]) -> PageQueries:
    if text := normalize_text(search.get("q", "")):
        return build_word_queries(ctx, SELECT_LISTED, search, text)
    names = frozenset(search.keys() & {"min_price", "max_price"})
    return prepare_plain_queries(names, search.get("in_stock"), search["sort"])
