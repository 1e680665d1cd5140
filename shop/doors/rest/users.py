"""The accounts over HAL. Their moves come from their declarations."""

from typing import Any

from flask import request
from marshmallow import fields, missing, validate

from shop.domain.user import CUSTOMER, User
from shop.doors.request_context import get_context
from shop.doors.rest.blueprint import Blueprint
from shop.doors.rest.orders import UserOrderCollection
from shop.doors.rest.representations import OPTIONAL_MEMBER, CollectionRepresentation, Representation
from shop.doors.rest.routes import register_moves
from shop.doors.rest.serializers import RenderContext, Time
from shop.model.fields import InputSchema
from shop.model.moves import OWNER, STAFF
from shop.services import orders as checkout
from shop.services import users as accounts
from shop.storage.execution import find_entity
from shop.storage.pagination import PageInput

users = Blueprint("users", __name__, description="The accounts.")


class Embed(InputSchema):
    embed = fields.String(validate=validate.OneOf(["orders"]))


class UserDocument(Representation):
    kind, path = User, "/users"

    username = fields.String()
    email = fields.String()
    role = fields.String(metadata={"enum": [CUSTOMER, STAFF]})
    disabled = fields.Boolean()
    created_at = Time()
    _embedded = fields.Method("embed", metadata={"type": "object", **OPTIONAL_MEMBER})

    def extra_links(self, user: User, frame: RenderContext) -> dict[str, dict[str, Any]]:
        collection = super().extra_links(user, frame) if STAFF in frame.context.get_roles(user) else {}
        return {**collection, "orders": {"href": f"{self.at(user)}/orders"}}

    def embed(self, user: User, _: RenderContext) -> Any:
        """The first page of the orders, for those who would ask for it next."""
        if request.method != "GET" or "embed" not in request.args:
            return missing
        page = checkout.list_orders_of_user(get_context(), user.id, checkout.UserOrderSearch().load({}))
        return {"orders": UserOrderCollection().dump(page)}


class UserCollection(CollectionRepresentation):
    document, search = UserDocument, PageInput


@users.route("")
@users.needs(STAFF)
@users.arguments(PageInput, location="query")
@users.gives(200, UserCollection)
def browse(search: dict[str, Any]) -> Any:
    """List the accounts."""
    return accounts.list_users(get_context(), search)


@users.route("/<id:id>")
@users.needs(OWNER, STAFF)
@users.arguments(Embed, location="query")
@users.gives(200, UserDocument)
def get(search: dict[str, Any], id: int) -> Any:
    """Look at an account, if you wish with its orders."""
    return find_entity(get_context(), User, id)


@users.route("/<id:id>/orders")
@users.needs(OWNER, STAFF)
@users.arguments(checkout.UserOrderSearch, location="query")
@users.gives(200, UserOrderCollection)
def orders(search: dict[str, Any], id: int) -> Any:
    """List the orders of a user."""
    return checkout.list_orders_of_user(get_context(), id, search)


register_moves(users, UserDocument)
