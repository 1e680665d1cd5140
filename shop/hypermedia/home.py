"""The home: everything else is found from here."""

from typing import Any

from flask import Response, after_this_request
from marshmallow import fields

from shop.hypermedia.blueprint import Blueprint
from shop.hypermedia.forms import build_creation_forms, has_form
from shop.hypermedia.links import Links, Node, build_creation_links, build_profile_link
from shop.hypermedia.representations import LinkedSchema, build_collection
from shop.hypermedia.request import request_state
from shop.hypermedia.resources import Resource
from shop.hypermedia.runtime import get_service
from shop.hypermedia.serializers import RenderContext, describe
from shop.hypermedia.url_scope import build_url
from shop.model.moves import ANYONE

VERSION_RELS = {
    "predecessor-version": "The home of the version before.",
    "successor-version": "The home of the version after.",
}
DOCUMENT_RELS = {
    "service-desc": "The OpenAPI document of this version.",
    "service-doc": "The same, to read and to try.",
    "status": "Whether the service is ready.",
}


class HomeRepresentation(LinkedSchema):
    name = fields.Function(
        lambda _: get_service().name, metadata={"type": "string", **describe("Its name.", example="Example")}
    )
    version = fields.Function(
        lambda _: request_state().version.name,
        metadata={"type": "string", **describe("The version of this answer.", example="v1")},
    )

    def links(self, obj: Any, frame: RenderContext) -> Links:
        return {
            "self": {"href": build_url("")},
            **build_resource_links(frame),
            **self.extra_links(frame),
            "profile": build_profile_link("home"),
            **build_document_links(),
            **build_side_door_links(),
            **build_version_links(),
        }

    def templates(self, obj: Any, frame: RenderContext) -> dict[str, Node]:
        search = find_searched_resource()
        forms: dict[str, Node] = {"search": build_collection(search)().build_search_form()} if search else {}
        for resource in get_service().resources:
            forms = {**build_creation_forms(resource), **forms}
        return {**forms, **self.extra_templates(frame)}

    def extra_links(self, frame: RenderContext) -> Links:
        """Return the links that this service has beside those to its resources."""
        return {}

    def extra_templates(self, frame: RenderContext) -> dict[str, Node]:
        return {}


def find_searched_resource() -> Resource | None:
    """Return the resource that the home searches: the first one that everyone may see."""
    return next((each for each in get_service().resources if each.is_public), None)


def build_resource_links(frame: RenderContext) -> Links:
    """Return links to the lists that the caller may read, and to the moves that create an entity.

    What no form can say is offered by the list alone. Of moves with the same name, the first one counts.
    """
    roles, links = frame.context.get_roles(), {}
    for resource in reversed(get_service().resources):
        links |= build_creation_links(resource, has_form)
    for resource in get_service().resources:
        if roles & resource.listed_for:
            links[resource.plural] = {"href": build_url(resource.path)}
    if searched := find_searched_resource():
        links["search"] = build_collection(searched)().build_search_link()
    return links


def build_document_links() -> Links:
    root = request_state().root
    return {
        "service-desc": {
            "href": f"{root}/openapi/{request_state().version.name}.json",
            "type": "application/json",
        },
        "service-doc": {"href": f"{root}/docs", "type": "text/html"},
        "status": {"href": f"{root}/health/ready", "type": "application/json"},
    }


def build_side_door_links() -> Links:
    return {
        rel: {"href": f"{request_state().root}/{rel}", "title": door.description}
        | ({"type": "text/html"} if door.has_page else {})
        for rel, door in get_service().side_doors.items()
    }


def build_version_links() -> Links:
    versions, root = get_service().versions, request_state().root
    here = versions.index(request_state().version)
    neighbours = {"predecessor-version": versions[:here][-1:], "successor-version": versions[here + 1 :][:1]}
    return {rel: {"href": f"{root}/api/{each.name}"} for rel, found in neighbours.items() for each in found}


def add_link_header(response: Response) -> Response:
    """Add the links of the body as a header, for clients that only send HEAD."""
    places = {
        "profile": f"{request_state().root}/profile",
        **{rel: link["href"] for rel, link in build_document_links().items()},
        "api-catalog": f"{request_state().root}/.well-known/api-catalog",
    }
    response.headers["Link"] = ", ".join(f'<{place}>; rel="{rel}"' for rel, place in places.items())
    return response


def build_home_blueprint(representation: type[HomeRepresentation]) -> Blueprint:
    blueprint = Blueprint("home", __name__, description="The first URL.")

    @blueprint.route("/")
    @blueprint.needs(ANYONE)
    @blueprint.gives(200, representation, public=True)
    def home() -> Any:
        """Begin here."""
        after_this_request(add_link_header)
        return {}

    return blueprint
