"""The catalogue by spans, for doors that number no pages."""

from typing import Any

from sqlalchemy import select

from shop.domain.product import Product
from shop.services.context import Context
from shop.services.pages import Order
from shop.services.products import SORTS, filters, matching
from shop.services.spans import Span, span


def listed(ctx: Context, search: dict[str, Any], first: int, after: str | None = None) -> Span:
    found = matching(ctx, select(Product).where(Product.retired_at.is_(None)), search)
    order = Order(SORTS[search["sort"]], Product.id, descending=search["order"] == "desc")
    known = ctx.session.scalar(found.count) if filters(search) else None
    return span(ctx.session, found.rows(known or 0), order, first, after, found.count)
