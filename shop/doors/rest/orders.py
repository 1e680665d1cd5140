"""The orders."""

from marshmallow import Schema, fields

from shop.domain.order import MAX_LINES, ORDER_STATES, Item, Order
from shop.domain.product import Product
from shop.domain.user import User
from shop.doors.rest.order_events import open_order_steps, open_steps_of_order
from shop.hypermedia.links import Links
from shop.hypermedia.representations import LINK_SCHEMA, Representation
from shop.hypermedia.resources import ChildList, Embed, Monitor, Resource
from shop.hypermedia.serializers import CREATED, Price, RenderContext, Time, describe
from shop.model.money import MAX_TOTAL
from shop.model.moves import MEMBER, OWNER, STAFF
from shop.services.orders import (
    NEWEST_FIRST,
    OrderSearch,
    UserOrderSearch,
    get_order,
    list_orders_of_user,
    place_order,
    select_visible_orders,
)
from shop.storage.execution import find_entities
from shop.storage.transactions import Context


class ItemRepresentation(Schema):
    product_id = fields.Integer(
        metadata=describe("The number of the product.", title="Product", means="identifier")
    )
    name = fields.String(metadata=describe("What it was called then.", means="name", example="Walnut desk"))
    unit_price = Price(metadata=describe("What one cost then, exact.", means="price"))
    quantity = fields.Integer(metadata=describe("How many.", example=1))
    total = Price(maximum=MAX_TOTAL, metadata=describe("What they cost together, exact.", means="price"))
    _links = fields.Method("links", metadata={"type": "object", "properties": {"product": LINK_SCHEMA}})

    def links(self, item: Item, frame: RenderContext) -> Links:
        """Return a link to the product, while it is still sold."""
        return {"product": {"href": f"{frame.base}/products/{item.product_id}"}} if item.is_sold else {}


class StepRepresentation(Schema):
    move = fields.String(metadata=describe("What was done.", example="create"))
    by = fields.Integer(
        metadata=describe("The id of the account; 0 is the shop itself.", means="identifier", example=7)
    )
    at = Time(metadata=describe("When, in UTC.", title="When"))


class OrderRepresentation(Representation):
    rels = {"user": "Who ordered it, while they have an account."}

    status = fields.String(
        metadata={
            "enum": list(ORDER_STATES),
            **describe("placed, paid, shipped, delivered, cancelled or refunded."),
        }
    )
    total = Price(maximum=MAX_TOTAL, metadata=describe("What all items cost together, exact.", means="price"))
    currency = fields.String(metadata=describe("By ISO 4217.", means="priceCurrency", example="USD"))
    reference = fields.String(metadata=describe("Of the payment, once it is recorded.", optional=True))
    tracking = fields.String(metadata=describe("Of the parcel, once it is shipped.", optional=True))
    created_at = Time(metadata=CREATED)
    updated_at = Time(
        metadata=describe("When it last changed, in UTC.", title="Changed", means="dateModified")
    )
    items = fields.List(
        fields.Nested(ItemRepresentation),
        metadata={
            "maxItems": MAX_LINES,
            **describe("What was bought, with the name and the unit_price of then."),
        },
    )
    history = fields.List(
        fields.Nested(StepRepresentation),
        metadata={"maxItems": len(ORDER_STATES), **describe("Each move: which, by whom, when.")},
    )

    def extra_links(self, entity: Order, frame: RenderContext) -> Links:
        if is_customer_shown(frame.context, entity):
            return {"user": {"href": f"{frame.base}/users/{entity.user_id}"}}
        return {}


def is_customer_shown(ctx: Context, order: Order) -> bool:
    """Whether the account still exists; owners ask with their own account."""
    return OWNER in ctx.get_roles(order) or not order.customer_erased_at


def find_customer(ctx: Context, order: Order) -> User | None:
    return ctx.session.get(User, order.user_id) if is_customer_shown(ctx, order) else None


def list_sold_products(ctx: Context, order: Order) -> list[Product]:
    ids = [item.product_id for item in order.items if item.is_sold]
    return [*find_entities(ctx, Product, ids).values()]


orders_of_user = ChildList(
    Order,
    of=User,
    rel="orders",
    description="What this user ordered.",
    list_page=list_orders_of_user,
    search=UserOrderSearch,
    listed_for=frozenset({OWNER, STAFF}),
)
orders = Resource(
    Order,
    path="/orders",
    description="The orders of the caller; for staff, all.",
    representation=OrderRepresentation,
    search=OrderSearch,
    select=select_visible_orders,
    order=NEWEST_FIRST,
    get_one=get_order,
    open_stream=open_order_steps,
    open_one_stream=open_steps_of_order,
    monitor=Monitor("/orders", "/orders/{id}"),
    listed_for=frozenset({MEMBER}),
    list_problems=(403,),  # for the orders of someone else
    shown_for=frozenset({OWNER, STAFF}),
    child_lists=(orders_of_user,),
    embeds={
        "user": Embed(find_customer, kind=User),
        "product": Embed(list_sold_products, kind=Product),
    },
    services={"create": place_order},
    verbs={"create": "place"},
)
