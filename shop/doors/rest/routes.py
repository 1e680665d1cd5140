"""One route for every move that an entity declares: where it is made, what it takes, what it answers."""

from functools import partial, wraps
from typing import Any

from shop.doors.request_context import get_context
from shop.doors.rest.blueprint import Blueprint, View
from shop.doors.rest.etags import read_precondition
from shop.doors.rest.idempotency import make_idempotent
from shop.doors.rest.representations import MOVE_METHODS, Representation, find_read_only, move_path
from shop.doors.rest.url_scope import build_url
from shop.hypermedia.request import request_state
from shop.model.entity import Entity
from shop.model.moves import Move, get_moves
from shop.services.moves import make_move
from shop.storage.execution import check_permission


def register_moves(
    blueprint: Blueprint, document: type[Representation], **results: type[Representation]
) -> None:
    """Register the routes of all moves that a kind of entity declares.

    `results` names the moves whose result is not the entity itself, with the representation of it.
    """
    for move in get_moves(document.kind).values():
        shown = results.get(move.name, document)
        for method in MOVE_METHODS.get(move.name, ("POST",)):
            view = answer_view(blueprint, move, method, shown, document, build_view(document.kind, move))
            view = guard_view(move, document, parse_view_input(blueprint, move, method, document, view))
            rule = ("" if move.is_creation else "/<id:id>") + move_path(move)
            name = "patch" if method == "PATCH" else move.name
            blueprint.route(rule, methods=[method], endpoint=name)(blueprint.needs(*move.by)(view))


def build_view(kind: type[Entity], move: Move) -> View:
    if move.is_creation:
        return lambda data: make_move(get_context(), kind, move, data)
    return lambda data, id: make_move(get_context(), kind, move, data, id, read_precondition())


def answer_view(
    blueprint: Blueprint,
    move: Move,
    method: str,
    shown: type[Representation],
    document: type[Representation],
    view: View,
) -> View:
    view.__doc__ = move.title + (", in part" if method == "PATCH" else "")
    status = 204 if method == "DELETE" else 201 if move.is_creation or shown is not document else 200
    view = blueprint.gives(status, None if status == 204 else shown)(view)
    return make_idempotent(view) if method == "POST" else view


def parse_view_input(
    blueprint: Blueprint, move: Move, method: str, document: type[Representation], view: View
) -> View:
    if method == "DELETE":
        return wraps(view)(partial(view, {}))
    shape = move.takes(partial=method == "PATCH")
    if method in ("PUT", "PATCH"):
        shape.ignored = find_read_only(document, move.takes)
    return blueprint.arguments(shape, required=bool(shape.fields) and not shape.partial)(view)


def guard_view(move: Move, document: type[Representation], view: View) -> View:
    """Check permission before the body is parsed."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        id = kwargs.get("id")
        request_state().entity_url = build_url(f"{document.path}/{id}")
        check_permission(get_context(), document.kind, move.name, id)
        return view(*args, **kwargs)

    return wrapper
