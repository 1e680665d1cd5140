"""Hooks: checks of their receivers, test messages, and forgetting old deliveries."""

from datetime import timedelta
from threading import BoundedSemaphore
from typing import Any
from uuid import uuid4

from marshmallow import fields, validate
from sqlalchemy import Select, delete, func, select

from shop.domain.hook import DELIVERY_STATES, PING, Delivery, Hook
from shop.domain.user import User
from shop.model.entity import now
from shop.model.errors import Conflict, Unauthenticated, Unavailable
from shop.services.context import ShopContext
from shop.services.deliveries import find_newest_numbers
from shop.storage.execution import create, execute, find_entity
from shop.storage.pagination import Page, PageInput, SortOrder, paginate
from shop.storage.transactions import Context
from shop.webhooks.addresses import AddressError, parse_target, resolve_target

MAX_HOOKS = 10  # of one account
LOOKUPS = BoundedSemaphore(2)  # that requests wait for; a slow name server must not take all threads
MAX_QUEUE_SECONDS = 0.5  # that a request waits for its turn to look up
NEWEST_FIRST = SortOrder(Delivery.id, Delivery.id, descending=True)


class DeliverySearch(PageInput):
    status = fields.String(
        validate=validate.OneOf(DELIVERY_STATES), metadata={"description": "Only deliveries in this state."}
    )


def check_receiver(ctx: ShopContext, data: dict[str, Any]) -> None:
    """Check that events may be sent to the URL. This asks a name server, so no transaction is open."""
    if "url" not in data:
        return
    ctx.session.rollback()
    if not LOOKUPS.acquire(timeout=MAX_QUEUE_SECONDS):
        raise Unavailable("Too many host names are being looked up.", retry_after=2)
    try:
        target = parse_target(data["url"], allow_private=ctx.allow_private_hooks)
        resolve_target(target, allow_private=ctx.allow_private_hooks)
    except AddressError as error:
        raise Conflict("Events cannot be sent there.", members={"url": [str(error)]}) from None
    finally:
        LOOKUPS.release()


def add_hook(ctx: ShopContext, data: dict[str, Any]) -> Hook:
    with ctx.transaction() as session:
        hook = create(ctx, Hook, "subscribe", {**data, "begins_after": find_newest_numbers(ctx)})
        session.flush()
        find_entity(ctx, User, ctx.actor.id, lock=True)  # two that are added at once are counted in turn
        count = session.scalar(select(func.count()).select_from(ctx.select_visible(Hook).subquery()))
        if count > MAX_HOOKS:
            raise Conflict(f"You have {MAX_HOOKS} hooks. Delete one before you add another.")
    return hook


def ping_receiver(ctx: Context, id: int, data: dict[str, Any], tags: Any = None) -> Delivery:
    """Add a test message, which is sent like any other."""
    with ctx.transaction() as session:
        hook = execute(ctx, Hook, id, "ping", data, tags)
        delivery = Delivery(
            hook_id=hook.id, user_id=hook.user_id, message_id=f"ping_{uuid4().hex}", event=PING,
            subject_id=hook.id, is_for_staff=False, happened_at=now(),
        )  # fmt: skip
        session.add(delivery)
    return delivery


def select_deliveries(ctx: Context, search: dict[str, Any]) -> Select[tuple[Delivery]]:
    if ctx.is_anonymous:
        raise Unauthenticated("Log in first.")
    query = ctx.select_visible(Delivery)
    return query.where(Delivery.status == search["status"]) if "status" in search else query


def list_deliveries_of_hook(ctx: Context, id: int, search: dict[str, Any]) -> Page:
    query = select_deliveries(ctx, search).where(Delivery.hook_id == find_entity(ctx, Hook, id).id)
    return paginate(ctx, query, NEWEST_FIRST, search)


def purge_hooks(ctx: Context, days: int) -> int:
    """Delete the deliveries that are older than some days, and the hooks of accounts that were deleted."""
    with ctx.transaction() as session:
        is_ownerless = Hook.user_id.in_(select(User.id).where(User.erased_at.is_not(None)))
        session.execute(delete(Hook).where(is_ownerless))
        return session.execute(
            delete(Delivery).where(Delivery.created_at < now() - timedelta(days=days))
        ).rowcount
