"""A blueprint whose views take shapes and give documents, and one view for every declared move."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
from flask import Response, g, request
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema

from shop.domain.base import Entity
from shop.domain.moves import ANYONE, Move, moves
from shop.doors.rest.caching import tags
from shop.doors.rest.guard import context
from shop.doors.rest.hal import METHODS, Document, place, readonly
from shop.doors.rest.input import Parser
from shop.services.moves import admit, begin, perform

View = Callable[..., Any]


def answer(state: dict[str, Any], status: int = 200, **headers: str) -> Response:
    return Response(orjson.dumps(state), status, headers, content_type=g.media)


def nothing() -> Response:
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


class Blueprint(SmorestBlueprint):
    ARGUMENTS_PARSER = Parser()

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        def decorate(view: View) -> View:
            name = f"{self.name}_{options.get('endpoint', view.__name__)}"
            return SmorestBlueprint.route(self, rule, **options)(self.doc(operationId=name)(view))

        return decorate

    def gives(
        self, status: int, schema: type[Schema] | None = None, *, public: bool = False
    ) -> Callable[[View], View]:
        """Answer with what the view returns, seen through this schema; say so in the documentation."""
        shown = schema() if schema else None

        def decorate(view: View) -> View:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Response:
                result, g.public = view(*args, **kwargs), public
                if not shown:
                    return nothing()
                g.tag = getattr(result, "tag", None)
                state = shown.dump(result)
                return answer(state, status, **pointers(state["_links"].get("self"), status))

            return self.response(status, schema)(wrapper)

        return decorate

    def needs(self, *roles: str) -> Callable[[View], View]:
        """Say in the documentation that a token is needed; the service is what insists."""
        return self.doc(security=[{"bearer": []}] if ANYONE not in roles else [{}, {"bearer": []}])


def pointers(here: dict[str, str] | None, status: int) -> dict[str, str]:
    """Where what was made or changed is to be found."""
    if not here or request.method in ("GET", "HEAD"):
        return {}
    return {"Location" if status == 201 else "Content-Location": here["href"]}


def offer(blueprint: Blueprint, kind: type[Entity], document: type[Document]) -> None:
    """Open a route for every move that a kind of entity declares."""
    for move in moves(kind).values():
        for method in METHODS.get(move.name, ("POST",)):
            rule = ("" if move.begins else "/<id:id>") + place(move)
            view = guarded(move, kind, takes(blueprint, move, method, document, making(move, kind)))
            name = move.name if method != "PATCH" else "patch"
            blueprint.route(rule, methods=[method], endpoint=name)(
                documented(blueprint, move, method, document, view)
            )


def making(move: Move, kind: type[Entity]) -> View:
    if move.begins:
        return lambda data: begin(context(), kind, move.name, data)
    return lambda data, id: perform(context(), kind, id, move.name, data, tags())


def takes(blueprint: Blueprint, move: Move, method: str, document: type[Document], view: View) -> View:
    shape = move.takes(partial=method == "PATCH")
    if method in ("PUT", "PATCH"):
        shape.ignored = readonly(document, move.takes)
    if method == "DELETE":
        return wraps(view)(lambda id: view({}, id))
    return blueprint.arguments(shape, required=bool(shape.fields))(view)


def guarded(move: Move, kind: type[Entity], view: View) -> View:
    """Those who may never do this hear so before their words are read."""

    @wraps(view)
    def wrapper(*args: Any, id: int | None = None, **kwargs: Any) -> Any:
        admit(context(), kind, move.name, id)
        return view(*args, **kwargs, **({} if id is None else {"id": id}))

    return wrapper


def documented(blueprint: Blueprint, move: Move, method: str, document: type[Document], view: View) -> View:
    view.__doc__ = move.title + (", in part" if method == "PATCH" else "")
    status = 201 if move.begins else 204 if method == "DELETE" else 200
    return blueprint.needs(*move.by)(blueprint.gives(status, None if status == 204 else document)(view))
