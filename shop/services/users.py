"""Management of accounts by staff."""

from typing import Any

from sqlalchemy import Select, select

from shop.domain.user import User
from shop.model.entity import normalize_text
from shop.model.errors import Forbidden, Unauthenticated
from shop.model.moves import MEMBER, STAFF
from shop.storage.execution import execute
from shop.storage.transactions import Context


def select_visible_users(ctx: Context, search: dict[str, Any]) -> Select[tuple[User]]:
    if MEMBER not in ctx.get_roles():
        raise Unauthenticated("Log in first.")
    if STAFF not in ctx.get_roles():
        raise Forbidden("Only staff may list accounts.")
    return ctx.select_visible(User)


def add_user(ctx: Context, data: dict[str, Any], role: str) -> User:
    """Create an account with a role; only staff may do this."""
    with ctx.transaction() as session:
        if STAFF not in ctx.get_roles():
            raise Forbidden("Only staff may assign roles.")
        user = User.register(**data)
        user.role = role
        session.add(user)
        user.record_move("register", ctx.actor.id)
    return user


def disable_user(ctx: Context, username: str) -> User:
    user_id = ctx.session.scalar(select(User.id).where(User.username_key == normalize_text(username)))
    if user_id is None:
        raise User.build_not_found()
    return execute(ctx, User, user_id, "disable", {})
