"""The home: everything else is found from here."""

from typing import Any

from flask import Response, after_this_request
from marshmallow import fields

from shop.domain.product import Product
from shop.domain.user import User
from shop.doors.request_context import get_context, get_settings
from shop.doors.rest import forms
from shop.doors.rest.blueprint import Blueprint
from shop.doors.rest.changes import build_template as changes
from shop.doors.rest.products import ProductCollection
from shop.doors.rest.profile import list_side_doors
from shop.doors.rest.representations import (
    LinkedSchema,
    account_link,
    build_creation_forms,
    build_move_link,
    profile_link,
)
from shop.doors.rest.serializers import RenderContext
from shop.doors.rest.url_scope import build_url
from shop.doors.rest.versions import VERSIONS
from shop.hypermedia.request import request_state
from shop.model.moves import ANYONE, STAFF, find_available_moves

root = Blueprint("home", __name__, description="The first URL.")


class HomeDocument(LinkedSchema):
    name = fields.Constant("Shop")
    version = fields.Function(lambda _: request_state().version.name, metadata={"type": "string"})
    currency = fields.Function(lambda _: str(get_settings().currency), metadata={"type": "string"})

    def links(self, _: Any, __: RenderContext) -> dict[str, dict[str, Any]]:
        me = get_context().actor
        return {
            "self": {"href": build_url("/")},
            "products": {"href": build_url("/products")},
            "search": ProductCollection().template(),
            "changes": changes(),
            "profile": profile_link("home"),
            **build_document_links(),
            **build_side_door_links(),
            "login": {"href": build_url("/tokens"), "title": "Log in"},
            **{
                move.name: build_move_link(build_url("/users"), move)
                for move in find_available_moves(User, get_context().get_roles())
            },
            **({"me": account_link(me)} if me else {}),
            **({"orders": {"href": build_url("/orders")}} if me else {}),
            **({"logout": {"href": build_url("/tokens/current"), "title": "Log out"}} if me else {}),
            **({"users": {"href": build_url("/users")}} if STAFF in get_context().get_roles() else {}),
            **{
                move.name: build_move_link(build_url("/products"), move)
                for move in find_available_moves(Product, get_context().get_roles())
            },
            **build_version_links(),
        }

    def templates(self, _: Any) -> dict[str, dict[str, Any]]:
        return {
            "login": forms.build_login_form(),
            **build_creation_forms(User, build_url("/users")),
            "search": ProductCollection().searching(),
            **({"logout": forms.build_logout_form()} if get_context().actor else {}),
            **build_creation_forms(Product, build_url("/products")),
        }


def build_document_links() -> dict[str, dict[str, str]]:
    return {
        "service-desc": {
            "href": f"{request_state().root}/openapi/{request_state().version.name}.json",
            "type": "application/json",
        },
        "service-doc": {"href": f"{request_state().root}/docs", "type": "text/html"},
        "status": {"href": f"{request_state().root}/health/ready", "type": "application/json"},
    }


def build_side_door_links() -> dict[str, dict[str, str]]:
    """The side doors that are open; one that has a page for people says so."""
    paged = {"type": "text/html"} if get_settings().graphiql else {}
    return {
        rel: {"href": f"{request_state().root}/{rel}", "title": text, **paged}
        for rel, text in list_side_doors().items()
    }


def add_link_header(response: Response) -> Response:
    """Add the links of the body as a header, for clients that only send HEAD."""
    places = {
        "profile": f"{request_state().root}/profile",
        **{rel: way["href"] for rel, way in build_document_links().items()},
        "api-catalog": f"{request_state().root}/.well-known/api-catalog",
    }
    response.headers["Link"] = ", ".join(f'<{place}>; rel="{rel}"' for rel, place in places.items())
    return response


def build_version_links() -> dict[str, dict[str, str]]:
    names = list(VERSIONS)
    here = names.index(request_state().version.name)
    before = (
        {"predecessor-version": {"href": f"{request_state().root}/api/{names[here - 1]}/"}} if here else {}
    )
    after = (
        {"successor-version": {"href": f"{request_state().root}/api/{names[here + 1]}/"}}
        if here + 1 < len(names)
        else {}
    )
    return {**before, **after}


@root.route("/")
@root.needs(ANYONE)
@root.gives(200, HomeDocument, public=True)
def home() -> dict[str, Any]:
    """Begin here."""
    after_this_request(add_link_header)
    return {}
