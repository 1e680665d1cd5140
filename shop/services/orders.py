"""Checkout and lists of orders."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from marshmallow import fields, validate
from sqlalchemy import Select, select

from shop.domain.order import ORDER_STATES, PLACED, Item, Order
from shop.domain.product import OutOfStock, Product, adjust_stock
from shop.domain.user import User
from shop.model.entity import now
from shop.model.errors import Conflict, Forbidden, Unauthenticated
from shop.model.fields import StrictInteger
from shop.model.moves import STAFF, get_moves
from shop.services.context import ShopContext
from shop.storage.execution import execute, find_entity
from shop.storage.pagination import Page, PageInput, SortOrder, paginate
from shop.storage.transactions import Context, TransactionSession

CANCEL_BATCH = 100  # unpaid orders read at a time


class UserOrderSearch(PageInput):
    """Filters for the orders of one user."""

    status = fields.String(
        validate=validate.OneOf(ORDER_STATES), metadata={"description": "Only orders in this state."}
    )


class OrderSearch(UserOrderSearch):
    user_id = StrictInteger(
        1, 10**18 - 1, metadata={"description": "For staff: the orders of one user.", "examples": [7]}
    )


def place_order(ctx: ShopContext, data: dict[str, Any]) -> Order:
    """Reserve the stock for every line, or for none, and create the order."""
    with ctx.transaction() as session:
        if refusal := get_moves(Order)["create"].find_error(Order, ctx.get_roles()):
            raise refusal
        check_unpaid_limit(ctx)
        items = [reserve_line(session, id, quantity) for id, quantity in merge_lines(data["items"])]
        if short_lines := [item for item in items if isinstance(item, dict)]:
            raise OutOfStock("There is not enough in stock; nothing was ordered.", lines=short_lines)
        order = Order.create(user_id=ctx.actor.id, currency=ctx.currency, items=items)
        order.record_move("create", ctx.actor.id)
        insert_order(session, order)
    return order


def insert_order(session: TransactionSession, order: Order) -> None:
    """Insert a new order with its items and its first step; `session.add` would take a third longer.

    The order stays outside of the session, because all that an answer shows of it is there already.
    """
    session.bulk_save_objects([order], return_defaults=True)
    for part in (*order.items, *order.history):
        part.order_id = order.id
    session.bulk_save_objects([*order.items, *order.history])


def check_unpaid_limit(ctx: ShopContext) -> None:
    """Limit the unpaid orders of an account, so that it cannot reserve the whole stock without paying."""
    unpaid = select(Order.id).where(Order.user_id == ctx.actor.id, Order.status == PLACED).order_by(Order.id)
    if ctx.session.scalar(unpaid.offset(ctx.max_unpaid_orders - 1).limit(1)):
        limit = ctx.max_unpaid_orders
        raise Conflict(f"You have {limit} unpaid orders. Pay or cancel one before you place another.")


def cancel_unpaid(ctx: Context, hours: int) -> int:
    """Cancel overdue unpaid orders, each in a separate transaction, and return their number."""
    placed_before, count, last_id = now() - timedelta(hours=hours), 0, 0
    overdue_orders = (
        select(Order.id).where(Order.status == PLACED, Order.created_at < placed_before).order_by(Order.id)
    )
    while ids := [*ctx.session.scalars(overdue_orders.where(Order.id > last_id).limit(CANCEL_BATCH))]:
        for last_id in ids:
            with suppress(Conflict):  # it has just been paid, or the stock is full
                execute(ctx, Order, last_id, "cancel", {})
                count += 1
        ctx.session.expunge_all()
    return count


def merge_lines(lines: list[dict[str, int]]) -> list[tuple[int, int]]:
    """Return the quantity per product, in the order of ids to avoid deadlocks."""
    quantities: dict[int, int] = {}
    for line in lines:
        quantities[line["product_id"]] = quantities.get(line["product_id"], 0) + line["quantity"]
    return sorted(quantities.items())


def reserve_line(session: TransactionSession, product_id: int, quantity: int) -> Item | dict[str, Any]:
    """Reserve the stock for a line; return its item, or the line with the stock left if that is too small."""
    if row := adjust_stock(session, product_id, -quantity):
        return Item(product_id=row.id, name=row.name, unit_price=row.price, quantity=quantity)
    stock_left = session.scalar(
        select(Product.stock).where(Product.id == product_id, Product.retired_at.is_(None))
    )
    return {"product_id": product_id, "quantity": quantity, "left": stock_left}


def buy_product(ctx: ShopContext, id: int, data: dict[str, Any], tags: Any = None) -> Order:
    """Place an order for one product, by its move `buy`."""
    with ctx.transaction():
        return place_order(ctx, execute(ctx, Product, id, "buy", data, tags))


NEWEST_FIRST = SortOrder(Order.id, Order.id, descending=True)


def select_visible_orders(ctx: Context, search: dict[str, Any]) -> Select[tuple[Order]]:
    """Return the query for the orders that the caller may see: their own, or all for staff."""
    if not ctx.actor:
        raise Unauthenticated("Log in first.")
    if STAFF not in ctx.get_roles() and search.get("user_id", ctx.actor.id) != ctx.actor.id:
        raise Forbidden("You may list only your own orders.")
    query = ctx.select_visible(Order)
    for name in ("status", "user_id"):
        if name in search:
            query = query.where(getattr(Order, name) == search[name])
    return query


def list_orders(ctx: Context, search: dict[str, Any]) -> Page:
    return paginate(ctx, select_visible_orders(ctx, search), NEWEST_FIRST, search)


def list_orders_of_user(ctx: Context, id: int, search: dict[str, Any]) -> Page:
    return list_orders(ctx, {**search, "user_id": find_entity(ctx, User, id).id})
