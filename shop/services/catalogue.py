"""The catalogue by spans, for doors that number no pages."""

from typing import Any

from sqlalchemy import select

from shop.domain.product import Product
from shop.services.context import Context
from shop.services.pages import Order
from shop.services.products import SORTS, matching
from shop.services.spans import Span, span


def listed(ctx: Context, search: dict[str, Any], first: int, after: str | None = None) -> Span:
    found = matching(ctx, select(Product).where(Product.retired_at.is_(None)), search)
    order = Order(SORTS[search["sort"]], Product.id, descending=search["order"] == "desc")
    return span(ctx.session, found.few, order, first, after, found.count)
