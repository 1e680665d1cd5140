"""One route for every move that an entity declares: where it is made, what it takes, what it answers."""

from functools import wraps
from typing import Any

from flask import g

from shop.domain.base import Entity
from shop.domain.moves import Move, moves
from shop.doors.rest.blueprint import Blueprint, View
from shop.doors.rest.caching import tags
from shop.doors.rest.guard import context
from shop.doors.rest.hal import METHODS, Document, href, place, readonly
from shop.services.moves import admit, begin, perform


def offer(blueprint: Blueprint, document: type[Document]) -> None:
    """Open the routes of all moves that the document's kind of entity declares."""
    for move in moves(document.kind).values():
        for method in METHODS.get(move.name, ("POST",)):
            view = guarded(move, document, takes(blueprint, move, method, document))
            view = documented(blueprint, move, method, document, view)
            rule = ("" if move.begins else "/<id:id>") + place(move)
            name = "patch" if method == "PATCH" else move.name
            blueprint.route(rule, methods=[method], endpoint=name)(view)


def made(move: Move, kind: type[Entity]) -> View:
    """What the service makes of it: a new entity, or an old one in a new state."""
    if move.begins:
        return lambda data: begin(context(), kind, move.name, data)
    return lambda data, id: perform(context(), kind, id, move.name, data, tags())


def takes(blueprint: Blueprint, move: Move, method: str, document: type[Document]) -> View:
    shape, view = move.takes(partial=method == "PATCH"), made(move, document.kind)
    if method == "DELETE":
        return lambda id: view({}, id)
    if method in ("PUT", "PATCH"):
        shape.ignored = readonly(document, move.takes)
    return blueprint.arguments(shape, required=bool(shape.fields) and not shape.partial)(view)


def guarded(move: Move, document: type[Document], view: View) -> View:
    """Those who may never do this hear so before their words are read."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        id = kwargs.get("id")
        g.here = href(f"{document.path}/{id}")
        admit(context(), document.kind, move.name, id)
        return view(*args, **kwargs)

    return wrapper


def documented(blueprint: Blueprint, move: Move, method: str, document: type[Document], view: View) -> View:
    view.__doc__ = move.title + (", in part" if method == "PATCH" else "")
    status = 201 if move.begins else 204 if method == "DELETE" else 200
    return blueprint.needs(*move.by)(blueprint.gives(status, None if status == 204 else document)(view))
