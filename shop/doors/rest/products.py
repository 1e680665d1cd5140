"""The catalogue."""

from marshmallow import fields

from shop.domain.order import Order
from shop.domain.product import Product
from shop.hypermedia.representations import Representation
from shop.hypermedia.resources import Resource
from shop.hypermedia.serializers import CREATED, Price, Time, describe
from shop.services.catalogue import list_product_span
from shop.services.orders import buy_product
from shop.services.products import ProductSearch, get_product, list_products


class ProductRepresentation(Representation):
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


products = Resource(
    Product,
    path="/products",
    description="The catalogue.",
    representation=ProductRepresentation,
    search=ProductSearch,
    list_page=list_products,
    list_span=list_product_span,
    get_one=get_product,
    services={"buy": buy_product},
    results={"buy": Order},
)
