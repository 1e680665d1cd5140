"""The accounts, as staff see them."""

from typing import Any

from sqlalchemy import Select, select

from shop.domain.base import fold
from shop.domain.errors import Forbidden, Unauthenticated
from shop.domain.moves import MEMBER, STAFF
from shop.domain.user import User
from shop.services.context import Context
from shop.services.moves import perform
from shop.services.pages import Order, Page, turn

BY_ID = Order(User.id, User.id)


def seen(ctx: Context) -> Select[tuple[User]]:
    if MEMBER not in ctx.roles():
        raise Unauthenticated("Log in first.")
    if STAFF not in ctx.roles():
        raise Forbidden("Only staff see all accounts.")
    return select(User).where(User.erased_at.is_(None))


def browse(ctx: Context, search: dict[str, Any]) -> Page:
    return turn(ctx, seen(ctx), BY_ID, search)


def enrol(ctx: Context, data: dict[str, Any], role: str) -> User:
    """Open an account in a role, as those may who run the shop."""
    with ctx.writing() as session:
        if STAFF not in ctx.roles():
            raise Forbidden("Only staff give roles.")
        user = User.register(**data)
        user.role = role
        session.add(user)
    return user


def disable(ctx: Context, username: str) -> User:
    found = ctx.session.scalar(select(User.id).where(User.username_key == fold(username)))
    if found is None:
        raise User.missing()
    return perform(ctx, User, found, "disable", {})
