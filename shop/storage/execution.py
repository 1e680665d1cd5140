"""The use cases that every move shares: find, begin, perform; and the early word whether to bother."""

from collections.abc import Collection
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import lazyload

from shop.model.entity import Entity
from shop.model.errors import Stale, Unauthenticated
from shop.model.moves import get_moves
from shop.storage.transactions import Context

E = TypeVar("E", bound=Entity)


def find_entity(ctx: Context, kind: type[E], id: int, *, lock: bool = False, alone: bool = False) -> E:
    """The entity, if this caller may know of it; whoever locks it holds it until the commit.

    `alone` it comes without what belongs to it, for those who fetch that themselves.
    """
    if kind.private and not ctx.actor:
        raise Unauthenticated("Log in first.")
    options = [lazyload("*")] if alone else []
    entity = ctx.session.get(kind, id, with_for_update={"key_share": True} if lock else None, options=options)
    if entity is None or not entity.visible(ctx.roles(entity)):
        raise kind.missing()
    return entity


def find_entities(ctx: Context, kind: type[E], ids: Collection[int]) -> dict[int, E | None]:
    """Many at once, for who may see what leads to them; None where this caller may not know of one."""
    query = select(kind).where(kind.id.in_(ids)).options(lazyload("*"))
    seen = {each.id: each for each in ctx.session.scalars(query) if each.visible(ctx.roles(each))}
    return {id: seen.get(id) for id in ids}


def find_newest_id(ctx: Context, kind: type[Entity]) -> int:
    """The id of the newest of its kind."""
    return ctx.session.scalar(select(func.max(kind.id))) or 0


def check_permission(ctx: Context, kind: type[Entity], name: str, id: int | None = None) -> None:
    """Refuse those who may never do this before anyone reads what they sent."""
    move = get_moves(kind)[name]
    if not ctx.actor and (barred := move.bar(ctx.roles())):
        raise barred
    entity = None if id is None else find_entity(ctx, kind, id)
    if barred := move.bar(ctx.roles(entity)):
        raise barred


def create(ctx: Context, kind: type[E], name: str, data: dict[str, Any]) -> E:
    """Bring a new entity into the shop."""
    with ctx.writing() as session:
        if refusal := get_moves(kind)[name].refusal(kind, ctx.roles()):
            raise refusal
        entity = getattr(kind, name)(**data)
        session.add(entity)
        entity.note(name, ctx.actor and ctx.actor.id)
    return entity


def execute(
    ctx: Context, kind: type[E], id: int, name: str, data: dict[str, Any], tags: Collection[str] | None = None
) -> Any:
    """Make a move, if it may be made now and the caller's tags, if any, name the present version.

    What comes of it is the entity in its new state, unless the move itself says what.
    """
    with ctx.writing():
        entity = find_entity(ctx, kind, id, lock=True)
        if refusal := get_moves(kind)[name].refusal(entity, ctx.roles(entity)):
            raise refusal
        if tags is not None and not {"*", entity.tag} & set(tags):
            raise Stale("It was changed since you read it.", tag=entity.tag)
        outcome = getattr(entity, name)(**data)
        entity.note(name, ctx.actor and ctx.actor.id)
    return entity if outcome is None else outcome
