"""The catalogue."""

from typing import Any

from marshmallow import fields

from shop.domain.order import Order
from shop.domain.product import Product
from shop.doors.rest.changes import FeedRepresentation, find_changes_of_product
from shop.hypermedia.links import Links
from shop.hypermedia.representations import Representation
from shop.hypermedia.resources import Embed, Monitor, Resource
from shop.hypermedia.serializers import CREATED, Price, RenderContext, Time, describe
from shop.services.catalogue import list_product_span
from shop.services.orders import buy_product
from shop.services.products import ProductSearch, get_product, list_products


class ProductRepresentation(Representation):
    rels = {"changes": "How its price and stock change, from now on."}

    name = fields.String(
        metadata=describe("One line, 1 to 100 characters.", means="name", example="Walnut desk")
    )
    description = fields.String(metadata=describe("Up to 5000 characters."))
    price = Price(metadata=describe("Exact, in the currency that the home names.", means="price"))
    stock = fields.Integer(metadata=describe("How many there are."))
    created_at = Time(metadata=CREATED)
    updated_at = Time(
        metadata=describe("When it last changed, in UTC.", title="Changed", means="dateModified")
    )

    def extra_links(self, entity: Any, frame: RenderContext) -> Links:
        return {"changes": {"href": f"{frame.base}/changes?product_id={entity.id}"}}


products = Resource(
    Product,
    path="/products",
    description="The catalogue.",
    representation=ProductRepresentation,
    search=ProductSearch,
    list_page=list_products,
    list_span=list_product_span,
    get_one=get_product,
    monitor=Monitor("/changes", "/changes?product_id={id}"),
    embeds={"changes": Embed(find_changes_of_product, schema=FeedRepresentation)},
    services={"buy": buy_product},
    results={"buy": Order},
)
