"""Checkout and lists of orders."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from marshmallow import fields, validate
from sqlalchemy import Connection, Row, Select, and_, bindparam, case, func, select, type_coerce
from sqlalchemy.types import NullType

from shop.domain.change import STOCKED, build_change, insert_changes
from shop.domain.order import IS_UNPAID, ORDER_STATES, PLACED, Item, ItemRow, Order, OrderRow, Step, StepRow
from shop.domain.product import OutOfStock, Product, adjust_stock
from shop.domain.user import User
from shop.model.entity import now
from shop.model.errors import Conflict, Forbidden, Unauthenticated
from shop.model.fields import StrictInteger
from shop.model.moves import STAFF, get_moves
from shop.services.context import ShopContext
from shop.storage.execution import execute, find_entity
from shop.storage.pagination import Page, PageInput, SortOrder, paginate
from shop.storage.prepared_queries import PreparedQuery, prepare_insert
from shop.storage.transactions import Context

CANCEL_BATCH = 100  # unpaid orders read at a time


# Prepared, because every checkout runs them (`python -m benchmarks.checkout`).
ORDER_COLUMNS = ("user_id", "status", "total", "currency", "version", "created_at", "updated_at")
ITEM_COLUMNS = ("order_id", "product_id", "name", "unit_price", "quantity")
STEP_COLUMNS = ("order_id", "move", "by", "at")
INSERT_ORDER = prepare_insert(Order.__table__, *ORDER_COLUMNS, returning=Order.__table__.c.id)
INSERT_ITEM = prepare_insert(Item.__table__, *ITEM_COLUMNS)
INSERT_STEP = prepare_insert(Step.__table__, *STEP_COLUMNS)
IS_OWN_UNPAID = and_(Order.user_id == bindparam("user"), IS_UNPAID)
NEWEST_ID = select(func.max(Order.id)).scalar_subquery()
OLDEST_UNPAID_ID = select(func.min(Order.id)).where(IS_OWN_UNPAID).scalar_subquery()
# An account has no more unpaid orders than ids since its oldest one: below the limit, none is counted.
CAN_REACH_LIMIT = case((bindparam("skipped") <= NEWEST_ID - OLDEST_UNPAID_ID, 1), else_=0)
SELECT_UNPAID = PreparedQuery(
    select(Order.id)
    .where(IS_OWN_UNPAID)
    .order_by(Order.id)
    .offset(bindparam("skipped"))
    .limit(CAN_REACH_LIMIT)
)
SELECT_STOCK = PreparedQuery(
    select(Product.stock).where(Product.id == bindparam("product"), Product.retired_at.is_(None))
)

SELECT_ORDER = PreparedQuery(
    select(*OrderRow.columns, type_coerce(User.erased_at, NullType()))
    .join(User, User.id == Order.user_id)
    .where(Order.id == bindparam("id"))
)
SELECT_ITEMS = PreparedQuery(
    select(*ItemRow.columns, Product.retired_at.is_(None))
    .join(Product, Product.id == Item.product_id)
    .where(Item.order_id == bindparam("id"))
    .order_by(Item.product_id)
)
SELECT_STEPS = PreparedQuery(
    select(*StepRow.columns).where(Step.order_id == bindparam("id")).order_by(Step.id)
)


class UserOrderSearch(PageInput):
    """Filters for the orders of one user."""

    status = fields.String(
        validate=validate.OneOf(ORDER_STATES), metadata={"description": "Only orders in this state."}
    )


class OrderSearch(UserOrderSearch):
    user_id = StrictInteger(
        1, 10**18 - 1, metadata={"description": "For staff: the orders of one user.", "examples": [7]}
    )


def place_order(ctx: ShopContext, data: dict[str, Any]) -> OrderRow:
    """Reserve the stock for every line, or for none, and create the order."""
    with ctx.write_rows() as connection:
        if refusal := get_moves(Order)["create"].find_error(Order, ctx.get_roles()):
            raise refusal
        check_unpaid_limit(ctx, connection)
        lines = merge_lines(data["items"])
        products = reserve_lines(connection, lines)
        items = [
            ItemRow(product.id, product.name, product.price, quantity, is_sold=True)
            for product, (_, quantity) in zip(products, lines, strict=True)
        ]
        order = Order.create(user_id=ctx.actor.id, currency=ctx.currency, items=items)
        order = insert_order(connection, order)
        insert_changes(connection, [build_change(product, STOCKED) for product in products])
        return order


def insert_order(connection: Connection, order: OrderRow) -> OrderRow:
    """Insert a new order with its items and its first step; entities would take twice as long."""
    id = INSERT_ORDER.run(connection, **order._asdict()).scalar_one()
    INSERT_ITEM.run_many(connection, [{"order_id": id, **item._asdict()} for item in order.items])
    INSERT_STEP.run_many(connection, [{"order_id": id, **step._asdict()} for step in order.history])
    return order._replace(id=id)


def check_unpaid_limit(ctx: ShopContext, connection: Connection) -> None:
    """Limit the unpaid orders of an account, so that it cannot reserve the whole stock without paying."""
    words = {"user": ctx.actor.id, "skipped": ctx.max_unpaid_orders - 1}
    if SELECT_UNPAID.run(connection, **words).first():
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


def get_order(ctx: Context, id: int) -> OrderRow:
    """Return an order that the caller may see."""
    if ctx.is_anonymous:
        raise Unauthenticated("Log in first.")
    for values in ctx.fetch_rows(SELECT_ORDER, id=id):
        items = tuple(ItemRow._make(row) for row in ctx.fetch_rows(SELECT_ITEMS, id=id))
        history = tuple(StepRow._make(row) for row in ctx.fetch_rows(SELECT_STEPS, id=id))
        order = OrderRow._make((*values, items, history))
        if ctx.can_see(order):
            return order
    raise Order.build_not_found()


def merge_lines(lines: list[dict[str, int]]) -> list[tuple[int, int]]:
    """Return the quantity per product, in the order of ids to avoid deadlocks."""
    quantities: dict[int, int] = {}
    for line in lines:
        quantities[line["product_id"]] = quantities.get(line["product_id"], 0) + line["quantity"]
    return sorted(quantities.items())


def reserve_lines(connection: Connection, lines: list[tuple[int, int]]) -> list[Row[Any]]:
    """Reserve the stock for every line and return the products, or raise OutOfStock with what is left."""
    products = [adjust_stock(connection, id, -quantity) for id, quantity in lines]
    short_lines = [line for line, product in zip(lines, products, strict=True) if product is None]
    if short_lines:
        described = [describe_short_line(connection, *line) for line in short_lines]
        raise OutOfStock("There is not enough in stock; nothing was ordered.", lines=described)
    return products


def describe_short_line(connection: Connection, product_id: int, quantity: int) -> dict[str, Any]:
    stock_left = SELECT_STOCK.run(connection, product=product_id).scalar()
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
