"""The catalogue in spans, for doors without page numbers."""

from typing import Any

from shop.domain.product import Product
from shop.services.products import SORT_COLUMNS, build_filters, build_page_queries
from shop.services.search import estimate_total
from shop.storage.pagination import SortOrder, is_scan_cheaper
from shop.storage.spans import Span, fetch_span
from shop.storage.transactions import Context


def list_product_span(ctx: Context, search: dict[str, Any], first: int, after: str | None = None) -> Span:
    queries = build_page_queries(ctx, ctx.select_visible(Product), search)
    order = SortOrder(SORT_COLUMNS[search["sort"]], Product.id, descending=search["order"] == "desc")
    total = ctx.session.scalar(queries.count) if build_filters(search) else 0
    query = queries.choose_query(is_scan_cheaper(total, first, estimate_total(ctx.session.connection())))
    return fetch_span(ctx.session, query, order.for_search(search), first, after, queries.count)
