"""The orders over HAL. Their moves come from their declarations."""

from typing import Any

from flask import request
from marshmallow import Schema, fields

from shop.domain.order import ORDER_STATES, Item, Order
from shop.doors.request_context import get_context
from shop.doors.rest.blueprint import Blueprint
from shop.doors.rest.representations import (
    LINK_SCHEMA,
    OPTIONAL_MEMBER,
    CollectionRepresentation,
    Representation,
)
from shop.doors.rest.routes import register_moves
from shop.doors.rest.serializers import Price, RenderContext, Time
from shop.doors.rest.url_scope import build_url
from shop.model.fields import EmptyInput
from shop.model.moves import MEMBER, OWNER, STAFF
from shop.services import orders as checkout
from shop.storage.execution import find_entity

orders = Blueprint("orders", __name__, description="The orders.")


class ItemDocument(Schema):
    product_id = fields.Integer()
    name = fields.String()
    unit_price = Price()
    quantity = fields.Integer()
    total = Price()
    _links = fields.Method("links", metadata={"type": "object", "properties": {"product": LINK_SCHEMA}})

    def links(self, item: Item) -> dict[str, dict[str, str]]:
        """To the product, while it is still sold."""
        return {"product": {"href": build_url(f"/products/{item.product_id}")}} if item.is_sold else {}


class StepDocument(Schema):
    move = fields.String()
    by = fields.Integer()
    at = Time()


class OrderDocument(Representation):
    kind, path = Order, "/orders"

    status = fields.String(metadata={"enum": list(ORDER_STATES)})
    total = Price()
    currency = fields.String()
    reference = fields.String(metadata=OPTIONAL_MEMBER)
    tracking = fields.String(metadata=OPTIONAL_MEMBER)
    created_at = Time()
    updated_at = Time()
    items = fields.List(fields.Nested(ItemDocument))
    history = fields.List(fields.Nested(StepDocument))

    def serialize(self, order: Order, frame: RenderContext) -> dict[str, Any]:
        """What is not known yet is not there, rather than null."""
        return {name: value for name, value in super().serialize(order, frame).items() if value is not None}

    def extra_links(self, order: Order, frame: RenderContext) -> dict[str, dict[str, Any]]:
        """To the user as well, while there is one: who asks for an own order is there."""
        here = OWNER in frame.context.get_roles(order) or not order.user.erased_at
        user = {"user": {"href": build_url(f"/users/{order.user_id}")}} if here else {}
        return {**super().extra_links(order, frame), **user}


class OrderCollection(CollectionRepresentation):
    document, search = OrderDocument, checkout.OrderSearch


class UserOrderCollection(CollectionRepresentation):
    """The same list, as a part of a user."""

    document, search = OrderDocument, checkout.UserOrderSearch

    def path(self) -> str:
        return f"/users/{request.view_args['id']}/orders"


@orders.route("")
@orders.needs(MEMBER)
@orders.arguments(checkout.OrderSearch, location="query")
@orders.gives(200, OrderCollection)
def browse(search: dict[str, Any]) -> Any:
    """List the orders."""
    return checkout.list_orders(get_context(), search)


@orders.route("/<id:id>")
@orders.needs(OWNER, STAFF)
@orders.arguments(EmptyInput, location="query")
@orders.gives(200, OrderDocument)
def get(search: dict[str, Any], id: int) -> Any:
    """Look at an order."""
    return find_entity(get_context(), Order, id)


register_moves(orders, OrderDocument)
