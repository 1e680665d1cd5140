"""The catalogue over HAL. Its moves come from their declarations."""

from typing import Any

from marshmallow import fields, validate
from webargs.fields import DelimitedList

from shop.domain.product import Product
from shop.doors.request_context import get_context
from shop.doors.rest.blueprint import Blueprint
from shop.doors.rest.orders import OrderDocument
from shop.doors.rest.representations import CollectionRepresentation, Representation
from shop.doors.rest.routes import register_moves
from shop.doors.rest.serializers import Price, Time
from shop.model.fields import InputSchema
from shop.model.moves import ANYONE
from shop.services import products as catalogue

products = Blueprint("products", __name__, description="The catalogue.")


class ProductDocument(Representation):
    kind, path = Product, "/products"

    name = fields.String()
    description = fields.String()
    price = Price()
    stock = fields.Integer()
    created_at = Time()
    updated_at = Time()


STATE = [name for name in ProductDocument().fields if not name.startswith("_")]


class Fields(InputSchema):
    """Which members of a product are wanted."""

    fields = DelimitedList(
        fields.String(validate=validate.OneOf(STATE)),
        validate=validate.Length(1),
        metadata={"description": "Only these members."},
    )


class ProductSearch(Fields, catalogue.ProductSearch):
    """A search, and the members of what it finds."""


class ProductCollection(CollectionRepresentation):
    document, search = ProductDocument, ProductSearch


@products.route("")
@products.needs(ANYONE)
@products.arguments(ProductSearch, location="query")
@products.gives(200, ProductCollection, public=True)
def browse(search: dict[str, Any]) -> Any:
    """Find products."""
    return catalogue.list_products(get_context(), search)


@products.route("/<id:id>")
@products.needs(ANYONE)
@products.arguments(Fields, location="query")
@products.gives(200, ProductDocument, public=True, partial=True)
def get(search: dict[str, Any], id: int) -> Any:
    """Look at a product."""
    return catalogue.get_product(get_context(), id)


register_moves(products, ProductDocument, buy=OrderDocument)
