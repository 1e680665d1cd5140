"""The routes of a resource: its list, one entity, the lists of one entity, and one route for every move."""

from typing import Any

from shop.hypermedia.blueprint import Blueprint, build_answer
from shop.hypermedia.callers import get_context
from shop.hypermedia.etags import read_tags
from shop.hypermedia.idempotency import IDEMPOTENCY
from shop.hypermedia.input import load_body
from shop.hypermedia.links import MOVE_METHODS, get_move_path
from shop.hypermedia.queries import build_search, build_view_query, find_read_only
from shop.hypermedia.representations import (
    Representation,
    build_child_collection,
    build_collection,
)
from shop.hypermedia.request import request_state
from shop.hypermedia.resources import ChildList, Resource
from shop.hypermedia.responses import Answer
from shop.hypermedia.runtime import get_settings
from shop.hypermedia.service import Service
from shop.hypermedia.url_scope import build_url
from shop.model.fields import InputSchema
from shop.model.moves import Move, get_moves
from shop.storage.execution import MoveCall, perform_move


def build_blueprint(resource: Resource, service: Service) -> Blueprint:
    """Return the blueprint with all routes of a resource."""
    blueprint = Blueprint(resource.plural, __name__, description=resource.description)
    register_list(blueprint, resource)
    register_view(blueprint, resource)
    for child in service.child_lists_of[resource.kind]:
        register_child(blueprint, resource, child)
    for move in get_moves(resource.kind).values():
        result = service.resource_of[resource.results.get(move.name, resource.kind)].representation
        for method in MOVE_METHODS.get(move.name, ("POST",)):
            register_move(blueprint, resource, move, method, result)
    return blueprint


def register_list(blueprint: Blueprint, resource: Resource) -> None:
    def browse(search: dict[str, Any]) -> Any:
        return resource.find_page(get_context(), search)

    browse.__doc__ = f"List the {resource.plural}."
    view = blueprint.gives(200, build_collection(resource), public=resource.is_public)(browse)
    if resource.open_stream:
        view = blueprint.streams(resource.open_stream)(view)
    view = blueprint.arguments(build_search(resource), location="query")(view)
    view = blueprint.may_fail(*resource.list_problems)(view)
    blueprint.route("")(blueprint.needs(*resource.listed_for)(view))


def register_view(blueprint: Blueprint, resource: Resource) -> None:
    def get(query: dict[str, Any], id: int) -> Any:
        return resource.find_one(get_context(), id)

    get.__doc__ = f"Look at one {resource.name}."
    options = {"public": resource.is_public, "partial": True}
    view = blueprint.gives(200, resource.representation, **options)(get)
    if open_stream := resource.open_one_stream:
        view = blueprint.streams(lambda query, id: open_stream(id))(view)
    view = blueprint.arguments(build_view_query(resource), location="query")(view)
    blueprint.route("/<id:id>")(blueprint.needs(*resource.shown_for)(view))


def register_child(blueprint: Blueprint, resource: Resource, child: ChildList) -> None:
    def browse_child(search: dict[str, Any], id: int) -> Any:
        return child.list_page(get_context(), id, search)

    browse_child.__doc__ = f"List the {child.rel} of one {resource.name}."
    view = blueprint.gives(200, build_child_collection(resource, child))(browse_child)
    view = blueprint.arguments(child.search, location="query")(view)
    blueprint.route(f"/<id:id>/{child.rel}", endpoint=child.rel)(blueprint.needs(*child.listed_for)(view))


def register_move(
    blueprint: Blueprint, resource: Resource, move: Move, method: str, result: type[Representation]
) -> None:
    is_new, is_partial = move.is_creation or result is not resource.representation, method == "PATCH"
    status = 204 if method == "DELETE" else 201 if is_new else 200
    schema = None if method == "DELETE" else result()
    input_schema = build_input_schema(resource, move, method)

    def view(id: int | None = None) -> Answer:
        request_state().entity_url = build_url(f"{resource.path}/{id}")
        return perform_move(
            get_context(),
            MoveCall(
                kind=resource.kind,
                move=move,
                id=id,
                load_input=lambda: load_body(input_schema) if input_schema else {},
                read_tags=read_tags,
                require_tags=get_settings().require_if_match,
                check=resource.checks.get(move.name),
                service=resource.services.get(move.name),
            ),
            lambda outcome: build_answer(outcome, schema, status),
            IDEMPOTENCY if method == "POST" else None,
        )

    view.__doc__ = move.title + (", in part" if is_partial else "")
    view = blueprint.documents_move(move, input_schema, status, schema)(view)
    rule = ("" if move.is_creation else "/<id:id>") + get_move_path(move)
    blueprint.route(rule, methods=[method], endpoint="patch" if is_partial else move.name)(view)


def build_input_schema(resource: Resource, move: Move, method: str) -> InputSchema | None:
    """Return the schema of a body; in PUT and PATCH, what can only be read may be sent back."""
    if method == "DELETE":
        return None
    ignored = find_read_only(resource.representation, move.takes) if method in ("PUT", "PATCH") else ()
    return move.takes(partial=method == "PATCH", ignored=ignored)
