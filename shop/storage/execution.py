"""Perform moves, in the same way for every door; and find the entities that a caller may see."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import lazyload

from shop.model.entity import Entity
from shop.model.errors import NotFound, PreconditionRequired, Stale, Unauthenticated
from shop.model.moves import Move, get_moves
from shop.storage.idempotency import Idempotency, answer_once, find_answer
from shop.storage.prepared_queries import PreparedQuery
from shop.storage.transactions import Context

E = TypeVar("E", bound=Entity)
A = TypeVar("A")


@dataclass(frozen=True, kw_only=True)
class MoveCall:
    """A call of a move; its functions are called only when their step has come."""

    kind: type[Entity]
    move: Move
    id: int | None = None
    load_input: Callable[[], dict[str, Any]]
    read_tags: Callable[[], Collection[str] | None] = lambda: None  # the versions that may be changed
    require_tags: bool = False
    check: Callable[[Context, dict[str, Any]], object] | None = (
        None  # before the transaction; it may take time
    )
    service: Callable[..., Any] | None = None  # the use case of a move that changes more than its entity


def perform_move(
    ctx: Context, call: MoveCall, serialize: Callable[[Any], A], idempotency: Idempotency[A] | None = None
) -> A:
    """Check permission, load the input, make the move once and return the serialized result.

    With an idempotency key the result is serialized and stored in the transaction of the move. A call that
    ended the entity, such as a deletion, can be repeated too.
    """
    try:
        check_permission(ctx, call.kind, call.move.name, call.id)
    except NotFound:
        if (answer := find_answer(ctx, idempotency)) is not None:
            return answer
        raise
    data = call.load_input()
    if call.check:
        call.check(ctx, data)
    return answer_once(ctx, idempotency, lambda: serialize(make_called_move(ctx, call, data)))


def make_called_move(ctx: Context, call: MoveCall, data: dict[str, Any]) -> Any:
    """Make a move in one transaction: check state and precondition, change the entity, record the move."""
    if call.move.is_creation:
        return call.service(ctx, data) if call.service else create(ctx, call.kind, call.move.name, data)
    tags = find_tags(call)
    if call.service:
        return call.service(ctx, call.id, data, tags)
    return execute(ctx, call.kind, call.id, call.move.name, data, tags)


def find_tags(call: MoveCall) -> Collection[str] | None:
    """Return the versions that the caller names; None for any version."""
    tags = call.read_tags()
    if tags is None and call.require_tags:
        raise PreconditionRequired("Say which version you change: send its etag back.")
    return tags


def find_entity(
    ctx: Context, kind: type[E], id: int, *, lock: bool = False, without_relations: bool = False
) -> E:
    """Return the entity if the caller may see it; `lock` locks its row until the commit.

    `without_relations` leaves out related rows, for callers that fetch them separately.
    """
    if kind.private and ctx.is_anonymous:
        raise Unauthenticated("Log in first.")
    options = [lazyload("*")] if without_relations else []
    entity = ctx.session.get(kind, id, with_for_update={"key_share": True} if lock else None, options=options)
    if entity is None or not ctx.can_see(entity):
        raise kind.build_not_found()
    return entity


def find_entities(ctx: Context, kind: type[E], ids: Collection[int]) -> dict[int, E | None]:
    """Return several entities by id; None for those that the caller may not see."""
    query = select(kind).where(kind.id.in_(ids)).options(lazyload("*"))
    visible_entities = {entity.id: entity for entity in ctx.session.scalars(query) if ctx.can_see(entity)}
    return {id: visible_entities.get(id) for id in ids}


def find_newest_id(ctx: Context, kind: type[Entity]) -> int:
    """Return the highest id of a kind, or 0."""
    return ctx.fetch_rows(prepare_newest_id(kind))[0][0] or 0


@cache
def prepare_newest_id(kind: type[Entity]) -> PreparedQuery:
    return PreparedQuery(select(func.max(kind.id)))


def check_permission(ctx: Context, kind: type[Entity], name: str, id: int | None = None) -> None:
    """Check permission before the body is parsed."""
    move = get_moves(kind)[name]
    if ctx.is_anonymous and (permission_error := move.find_permission_error(ctx.get_roles())):
        raise permission_error
    entity = None if id is None else find_entity(ctx, kind, id)
    if permission_error := move.find_permission_error(ctx.get_roles(entity)):
        raise permission_error


def create(ctx: Context, kind: type[E], name: str, data: dict[str, Any]) -> E:
    """Create an entity by a move and add it to the session."""
    with ctx.transaction() as session:
        if error := get_moves(kind)[name].find_error(kind, ctx.get_roles()):
            raise error
        entity = call_method(ctx, kind, get_moves(kind)[name], data)
        session.add(entity)
        entity.record_move(name, ctx.actor and ctx.actor.id)
    return entity


def execute(
    ctx: Context, kind: type[E], id: int, name: str, data: dict[str, Any], tags: Collection[str] | None = None
) -> Any:
    """Make a move, if it is allowed now and the entity tags, if given, include the current version.

    Returns the result of the move, or the entity in its new state if the move returns None.
    """
    with ctx.transaction():
        entity = find_entity(ctx, kind, id, lock=True)
        if error := get_moves(kind)[name].find_error(entity, ctx.get_roles(entity)):
            raise error
        if tags is not None and not {"*", entity.tag} & set(tags):
            raise Stale("Someone else changed this since you read it.", tag=entity.tag)
        outcome = call_method(ctx, entity, get_moves(kind)[name], data)
        entity.record_move(name, ctx.actor and ctx.actor.id)
    return entity if outcome is None else outcome


def call_method(ctx: Context, target: Any, move: Move, data: dict[str, Any]) -> Any:
    """Call the method of a move, with the caller if it asks for one."""
    return getattr(target, move.method)(**data, **({"actor": ctx.actor} if move.takes_actor else {}))
