"""One route for every move that an entity declares: where it is made, what it takes, what it answers."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from shop.doors.rest.blueprint import Blueprint, View
from shop.doors.rest.caching import tags
from shop.doors.rest.guard import href
from shop.doors.rest.hal import METHODS, Document, place, readonly
from shop.doors.rest.replays import retriable
from shop.doors.web import context
from shop.hypermedia.request import request_state
from shop.model.moves import Move, get_moves
from shop.storage.execution import check_permission, create, execute

Service = Callable[..., Any]


def offer(blueprint: Blueprint, document: type[Document], **own: tuple[Service, type[Document]]) -> None:
    """Open the routes of all moves that a kind of entity declares.

    `own` names the moves that have a service of their own, and the document of what comes of it.
    """
    for move in get_moves(document.kind).values():
        service, shown = own.get(move.name, (usual(move, document), document))
        for method in METHODS.get(move.name, ("POST",)):
            view = answered(blueprint, move, method, shown, document, asked(move, service))
            view = guarded(move, document, taking(blueprint, move, method, document, view))
            rule = ("" if move.begins else "/<id:id>") + place(move)
            name = "patch" if method == "PATCH" else move.name
            blueprint.route(rule, methods=[method], endpoint=name)(blueprint.needs(*move.by)(view))


def usual(move: Move, document: type[Document]) -> Service:
    """The service that makes any move: a new entity, or an old one in a new state."""
    if move.begins:
        return lambda ctx, data: create(ctx, document.kind, move.name, data)
    return lambda ctx, id, data, tags: execute(ctx, document.kind, id, move.name, data, tags)


def asked(move: Move, service: Service) -> View:
    if move.begins:
        return lambda data: service(context(), data)
    return lambda data, id: service(context(), id, data, tags())


def answered(
    blueprint: Blueprint, move: Move, method: str, shown: type[Document], document: type[Document], view: View
) -> View:
    view.__doc__ = move.title + (", in part" if method == "PATCH" else "")
    status = 204 if method == "DELETE" else 201 if move.begins or shown is not document else 200
    view = blueprint.gives(status, None if status == 204 else shown)(view)
    return retriable(view) if method == "POST" else view


def taking(blueprint: Blueprint, move: Move, method: str, document: type[Document], view: View) -> View:
    if method == "DELETE":
        return wraps(view)(partial(view, {}))
    shape = move.takes(partial=method == "PATCH")
    if method in ("PUT", "PATCH"):
        shape.ignored = readonly(document, move.takes)
    return blueprint.arguments(shape, required=bool(shape.fields) and not shape.partial)(view)


def guarded(move: Move, document: type[Document], view: View) -> View:
    """Those who may never do this hear so before their words are read."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        id = kwargs.get("id")
        request_state().entity_url = href(f"{document.path}/{id}")
        check_permission(context(), document.kind, move.name, id)
        return view(*args, **kwargs)

    return wrapper
