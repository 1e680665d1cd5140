"""Drafts: starting one, placing it, and forgetting those that were abandoned."""

from typing import Any

from sqlalchemy import delete, func, select

from shop.domain.draft import Draft
from shop.domain.order import Order
from shop.domain.user import User
from shop.model.entity import now
from shop.model.errors import Conflict
from shop.services.context import ShopContext
from shop.services.orders import place_order
from shop.storage.execution import create, execute, find_entity
from shop.storage.transactions import Context

MAX_DRAFTS = 10  # of one account


def start_draft(ctx: ShopContext, data: dict[str, Any]) -> Draft:
    with ctx.transaction() as session:
        draft = create(ctx, Draft, "draft", data)
        session.flush()
        find_entity(ctx, User, ctx.actor.id, lock=True)  # two that start at once are counted in turn
        count = session.scalar(select(func.count()).select_from(ctx.select_visible(Draft).subquery()))
        if count > MAX_DRAFTS:
            raise Conflict(f"You have {MAX_DRAFTS} drafts. Place or discard one before you start another.")
    return draft


def place_draft(ctx: ShopContext, id: int, data: dict[str, Any], tags: Any = None) -> Order:
    """Place an order of all lines, and delete the draft; if a product is short, the draft stays as it is."""
    with ctx.transaction() as session:
        draft = execute(ctx, Draft, id, "place", data, tags)
        lines = [{"product_id": item.product_id, "quantity": item.quantity} for item in draft.items]
        order = place_order(ctx, {"items": lines})
        if data.get("total", order.total) != order.total:
            raise Conflict("A price has changed: look at the draft again. Nothing was ordered.")
        session.delete(draft)
    return order


def purge_drafts(ctx: Context) -> int:
    """Delete the drafts that were abandoned, and return their number."""
    with ctx.transaction() as session:
        return session.execute(delete(Draft).where(Draft.expires_at <= now())).rowcount
