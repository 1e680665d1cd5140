"""The home: everything else is found from here."""

from typing import Any

from flask import Response, after_this_request
from marshmallow import fields

from shop.domain.product import Product
from shop.domain.user import User
from shop.doors.rest import forms
from shop.doors.rest.blueprint import Blueprint
from shop.doors.rest.changes import template as changes
from shop.doors.rest.guard import href
from shop.doors.rest.hal import Resource, beginnings, myself, offer, profile
from shop.doors.rest.products import ProductCollection
from shop.doors.rest.profile import side_doors
from shop.doors.rest.versions import VERSIONS
from shop.doors.rest.writing import Frame
from shop.doors.web import context, settings
from shop.hypermedia.request import request_state
from shop.model.moves import ANYONE, STAFF, find_available_moves

root = Blueprint("home", __name__, description="The first URL.")


class HomeDocument(Resource):
    name = fields.Constant("Shop")
    version = fields.Function(lambda _: request_state().version.name, metadata={"type": "string"})
    currency = fields.Function(lambda _: str(settings().currency), metadata={"type": "string"})

    def links(self, _: Any, __: Frame) -> dict[str, dict[str, Any]]:
        me = context().actor
        return {
            "self": {"href": href("/")},
            "products": {"href": href("/products")},
            "search": ProductCollection().template(),
            "changes": changes(),
            "profile": profile("home"),
            **described(),
            **beside(),
            "login": {"href": href("/tokens"), "title": "Log in"},
            **{
                move.name: offer(href("/users"), move)
                for move in find_available_moves(User, context().roles())
            },
            **({"me": myself(me)} if me else {}),
            **({"orders": {"href": href("/orders")}} if me else {}),
            **({"logout": {"href": href("/tokens/current"), "title": "Log out"}} if me else {}),
            **({"users": {"href": href("/users")}} if STAFF in context().roles() else {}),
            **{
                move.name: offer(href("/products"), move)
                for move in find_available_moves(Product, context().roles())
            },
            **neighbours(),
        }

    def templates(self, _: Any) -> dict[str, dict[str, Any]]:
        return {
            "login": forms.login(),
            **beginnings(User, href("/users")),
            "search": ProductCollection().searching(),
            **({"logout": forms.logout()} if context().actor else {}),
            **beginnings(Product, href("/products")),
        }


def described() -> dict[str, dict[str, str]]:
    return {
        "service-desc": {
            "href": f"{request_state().root}/openapi/{request_state().version.name}.json",
            "type": "application/json",
        },
        "service-doc": {"href": f"{request_state().root}/docs", "type": "text/html"},
        "status": {"href": f"{request_state().root}/health/ready", "type": "application/json"},
    }


def beside() -> dict[str, dict[str, str]]:
    """The side doors that are open; one that has a page for people says so."""
    paged = {"type": "text/html"} if settings().graphiql else {}
    return {
        rel: {"href": f"{request_state().root}/{rel}", "title": text, **paged}
        for rel, text in side_doors().items()
    }


def point(response: Response) -> Response:
    """What is said in the body, also for those who only ask for the head."""
    places = {
        "profile": f"{request_state().root}/profile",
        **{rel: way["href"] for rel, way in described().items()},
        "api-catalog": f"{request_state().root}/.well-known/api-catalog",
    }
    response.headers["Link"] = ", ".join(f'<{place}>; rel="{rel}"' for rel, place in places.items())
    return response


def neighbours() -> dict[str, dict[str, str]]:
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
    after_this_request(point)
    return {}
