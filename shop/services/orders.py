"""Checkout, and who sees which orders."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from marshmallow import fields, validate
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from shop.domain.base import now
from shop.domain.errors import Conflict, Forbidden, OutOfStock, Unauthenticated
from shop.domain.moves import STAFF, moves
from shop.domain.order import PLACED, STATES, Item, Order
from shop.domain.product import Product, shift
from shop.domain.shapes import Whole
from shop.domain.user import User
from shop.services.context import Context
from shop.services.ledger import write
from shop.services.moves import find, perform
from shop.services.pages import Order as By
from shop.services.pages import Page, Paging, turn

BATCH = 100  # unpaid orders that are looked up at a time


class Narrow(Paging):
    """What a list of orders may be narrowed to."""

    status = fields.String(validate=validate.OneOf(STATES))


class Search(Narrow):
    user_id = Whole(1, 10**18 - 1, metadata={"description": "For staff: the orders of one user."})


def create(ctx: Context, data: dict[str, Any]) -> Order:
    """Take every line from the stock, or none, and write down what was bought."""
    with ctx.writing() as session:
        if refusal := moves(Order)["create"].refusal(Order, ctx.roles()):
            raise refusal
        refuse_too_many_unpaid(ctx)
        items = [taken(session, id, quantity) for id, quantity in merged(data["items"])]
        if short := [item for item in items if isinstance(item, dict)]:
            raise OutOfStock("There is not enough of everything; nothing was taken.", lines=short)
        order = Order.create(user_id=ctx.actor.id, currency=ctx.currency, items=items)
        order.note("create", ctx.actor.id)
        write(session, order)
    return order


def refuse_too_many_unpaid(ctx: Context) -> None:
    """Nobody takes the goods of others off the shelves by orders that are never paid."""
    unpaid = select(Order.id).where(Order.user_id == ctx.actor.id, Order.status == PLACED).order_by(Order.id)
    if ctx.session.scalar(unpaid.offset(ctx.max_unpaid_orders - 1).limit(1)):
        limit = ctx.max_unpaid_orders
        raise Conflict(f"You have {limit} unpaid orders. Pay or cancel one before you place another.")


def cancel_unpaid(ctx: Context, hours: int) -> int:
    """Cancel the orders that were not paid in time, each in a transaction of its own; how many."""
    begun, count, last = now() - timedelta(hours=hours), 0, 0
    overdue = select(Order.id).where(Order.status == PLACED, Order.created_at < begun).order_by(Order.id)
    while ids := [*ctx.session.scalars(overdue.where(Order.id > last).limit(BATCH))]:
        for last in ids:
            with suppress(Conflict):  # it was paid meanwhile, or there is no room in the stock
                perform(ctx, Order, last, "cancel", {})
                count += 1
        ctx.session.expunge_all()
    return count


def merged(lines: list[dict[str, int]]) -> list[tuple[int, int]]:
    """How many of each, in the order of ids, so that no two orders wait for each other."""
    wanted: dict[int, int] = {}
    for line in lines:
        wanted[line["product_id"]] = wanted.get(line["product_id"], 0) + line["quantity"]
    return sorted(wanted.items())


def taken(session: Session, product_id: int, quantity: int) -> Item | dict[str, Any]:
    """An item out of the stock, or the line that asks for too much."""
    if row := shift(session, product_id, -quantity):
        return Item(product_id=row.id, name=row.name, unit_price=row.price, quantity=quantity)
    left = session.scalar(select(Product.stock).where(Product.id == product_id, Product.retired_at.is_(None)))
    return {"product_id": product_id, "quantity": quantity, "left": left}


def buy(ctx: Context, id: int, data: dict[str, Any], tags: Any = None) -> Order:
    """An order for one product, from the product itself."""
    with ctx.writing():
        return create(ctx, perform(ctx, Product, id, "buy", data, tags))


NEWEST = By(Order.id, Order.id, descending=True)


def seen(ctx: Context, search: dict[str, Any]) -> Select[tuple[Order]]:
    """One's own orders; staff see all."""
    if not ctx.actor:
        raise Unauthenticated("Log in first.")
    if STAFF not in ctx.roles():
        if search.get("user_id", ctx.actor.id) != ctx.actor.id:
            raise Forbidden("These are another's orders.")
        search = {**search, "user_id": ctx.actor.id}
    query = select(Order)
    for name in ("status", "user_id"):
        if name in search:
            query = query.where(getattr(Order, name) == search[name])
    return query


def browse(ctx: Context, search: dict[str, Any]) -> Page:
    return turn(ctx, seen(ctx, search), NEWEST, search)


def of_user(ctx: Context, id: int, search: dict[str, Any]) -> Page:
    return browse(ctx, {**search, "user_id": find(ctx, User, id).id})
