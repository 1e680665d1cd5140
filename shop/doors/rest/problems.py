"""The problems that only a shop has, and the ways out of them."""

from typing import Any

from flask import request

from shop.domain.order import MAX_LINES
from shop.domain.product import Purchase
from shop.doors.rest.tokens import build_login_form
from shop.hypermedia.forms import build_form, build_form_key
from shop.hypermedia.problems import PROBLEM_TYPES, ProblemType, WayOut
from shop.hypermedia.url_scope import build_url
from shop.model.errors import DomainError

WAYS_OUT = {
    401: WayOut({"login": "/tokens"}, lambda: {"login": build_login_form()}),
    410: WayOut({"changes": "/changes", "products": "/products"}),
}
INTEGER = {"type": "integer", "format": "int64"}
SHORT_LINE_SCHEMA = {
    "type": "object",
    "required": ["product_id", "quantity", "left"],
    "properties": dict.fromkeys(("product_id", "quantity", "left"), INTEGER),
}
LINES_SCHEMA = {"lines": {"type": "array", "maxItems": MAX_LINES, "items": SHORT_LINE_SCHEMA}}


def build_shortage(error: DomainError) -> dict[str, Any]:
    """Return what is short, a link to order less, and after buying one product a form for what is left."""
    lines = error.facts["lines"]
    members = {
        "lines": [build_short_line(each) for each in lines],
        "_links": {"create": {"href": build_url("/orders")}},
    }
    is_purchase = (request.endpoint or "").endswith(".buy")
    if is_purchase and len(lines) == 1 and lines[0]["left"]:
        members["_templates"] = {"buy": build_smaller_purchase(lines[0]["product_id"], lines[0]["left"])}
    return members


def build_short_line(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line with what is left and, if the product is still sold, a link to it."""
    if line["left"] is None:
        return {**line, "left": 0}
    return {**line, "_links": {"product": {"href": build_url(f"/products/{line['product_id']}")}}}


def build_smaller_purchase(product_id: int, left: int) -> dict[str, Any]:
    here = build_url(f"/products/{product_id}/buy")
    hidden = {"_idempotency_key": build_form_key(here, "less", left)}
    return build_form("Buy what is left", "POST", here, Purchase(), quantity=left, **hidden)


STOCK_SCHEMA = {"stock": INTEGER}
SHOP_PROBLEM_TYPES = {
    **PROBLEM_TYPES,
    "conflict": ProblemType(409, PROBLEM_TYPES["conflict"].title, STOCK_SCHEMA),
    "out_of_stock": ProblemType(409, "Not enough in stock", LINES_SCHEMA, build_shortage),
}
