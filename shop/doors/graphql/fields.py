"""Where the fields of the schema come from. What is not here is the attribute of the same name."""

from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLResolveInfo as Info

from shop.domain.order import Item, Order, Step
from shop.domain.product import Product
from shop.domain.user import User
from shop.doors.graphql.batch import Asking
from shop.doors.graphql.mutations import KINDS, named
from shop.doors.graphql.words import ID, number, shaped
from shop.model.entity import Entity
from shop.model.errors import NotFound
from shop.model.moves import find_available_moves
from shop.services import orders, products, users
from shop.services.catalogue import list_product_span
from shop.storage.execution import find_entities, find_entity
from shop.storage.spans import Span, fetch_children, fetch_span, fetch_spans

FIELDS: dict[str, Callable[..., Any]] = {}


def field(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return lambda resolver: FIELDS.update(dict.fromkeys(names, resolver)) or resolver


def look(info: Info, kind: type[Entity], id: str) -> Entity | None:
    try:
        return find_entity(info.context.ctx, kind, number(kind, id), alone=True)
    except NotFound:
        return None


for kind in KINDS:
    name = kind.__name__
    FIELDS[f"Query.{name.lower()}"] = lambda _, info, id, kind=kind: look(info, kind, id)
    FIELDS[f"{name}.id"] = lambda entity, _, name=name: f"{name}:{entity.id}"
    FIELDS[f"{name}.etag"] = lambda entity, _: entity.tag
    FIELDS[f"{name}Payload.{name.lower()}"] = lambda entity, _: entity


@field("Query.node")
def node(_: None, info: Info, id: str) -> Entity | None:
    found = ID.fullmatch(id)
    kinds = {kind.__name__: kind for kind in KINDS}
    return look(info, kinds[found[1]], id) if found and found[1] in kinds else None


@field("Query.shop")
def shop(_: None, info: Info) -> dict[str, Any]:
    begun = [
        named(kind, move) for kind in KINDS for move in find_available_moves(kind, info.context.ctx.roles())
    ]
    return {"name": "Shop", "currency": str(info.context.ctx.currency), "can": begun}


@field("Product.can", "User.can", "Order.can")
def can(entity: Entity, info: Info) -> list[str]:
    return [move.name for move in find_available_moves(entity, info.context.ctx.roles(entity))]


@field("ProductPayload.ok", "UserPayload.ok", "OrderPayload.ok", "TokenPayload.ok", "Done.ok")
def ok(_: Any, info: Info) -> bool:
    return True


# ---- Lists: who fetches one announces all of it, so that what belongs to each is fetched for all


def given(search: dict[str, Any]) -> dict[str, Any]:
    return {name: word for name, word in search.items() if word is not None}


@field("Query.products")
def catalogue(_: None, info: Info, first: int, after: str | None = None, **search: Any) -> Span:
    ctx = info.context.ctx
    return list_product_span(
        ctx, shaped(products.ProductSearch(), given(search), info.context.currency), first, after
    )


@field("Query.searchProducts")
def search(_: None, info: Info, query: str, first: int, **bounds: Any) -> Any:
    return catalogue(_, info, first, q=query, sort="id", order="asc", **bounds).items


@field("Query.me")
def me(_: None, info: Info) -> User | None:
    actor = info.context.ctx.actor
    return find_entity(info.context.ctx, User, actor.id) if actor else None


@field("Query.users")
def accounts(_: None, info: Info, first: int, after: str | None = None) -> Span:
    ctx = info.context.ctx
    found = fetch_span(ctx.session, users.select_visible_users(ctx), users.BY_ID, first, after)
    info.context.announce(User, (user.id for user in found.items))
    return found


@field("Query.orders")
def all_orders(_: None, info: Info, first: int, after: str | None = None, **search: Any) -> Span:
    ctx = info.context.ctx
    wanted = shaped(orders.OrderSearch(), given(search), info.context.currency)
    order = orders.NEWEST.for_search(wanted)
    found = fetch_span(ctx.session, orders.select_visible_orders(ctx, wanted), order, first, after)
    announce(info.context, found.items)
    return found


def announce(ask: Asking, found: Sequence[Order]) -> None:
    ask.announce(Order, (order.id for order in found))
    ask.announce(User, (order.user_id for order in found))


@field("User.orderConnection")
def of_user(user: User, info: Info, first: int, after: str | None = None) -> Span:
    return info.context.load(orders_of, User, user.id, first, after)


@field("User.orders")
def newest(user: User, info: Info, first: int) -> Any:
    return of_user(user, info, first).items


def orders_of(ask: Asking, ids: list[int], first: int, after: str | None) -> dict[int, Span]:
    seen = orders.select_visible_orders(ask.ctx, {})
    found = fetch_spans(ask.ctx.session, seen, orders.NEWEST, Order.user_id, ids, first, after)
    announce(ask, [order for each in found.values() for order in each.items])
    return found


def items_of(ask: Asking, ids: list[int]) -> dict[int, list[Item]]:
    found = fetch_children(ask.ctx.session, Item, "order_id", ids, Item.product_id)
    ask.announce(Product, (item.product_id for items in found.values() for item in items))
    return found


def steps_of(ask: Asking, ids: list[int]) -> dict[int, list[Step]]:
    return fetch_children(ask.ctx.session, Step, "order_id", ids, Step.id)


def products_of(ask: Asking, ids: list[int]) -> dict[int, Product | None]:
    return find_entities(ask.ctx, Product, ids)


def users_of(ask: Asking, ids: list[int]) -> dict[int, User | None]:
    return find_entities(ask.ctx, User, ids)


FIELDS["Order.items"] = lambda order, info: info.context.load(items_of, Order, order.id)
FIELDS["Order.history"] = lambda order, info: info.context.load(steps_of, Order, order.id)
FIELDS["Order.user"] = lambda order, info: info.context.load(users_of, User, order.user_id)
FIELDS["OrderItem.product"] = lambda item, info: info.context.load(products_of, Product, item.product_id)
FIELDS["OrderItem.productId"] = lambda item, _: f"Product:{item.product_id}"
FIELDS["OrderStep.by"] = lambda step, _: f"User:{step.by}"
FIELDS["TokenPayload.userId"] = lambda pair, _: f"User:{pair.actor.id}"
FIELDS["TokenPayload.tokenType"] = lambda *_: "Bearer"


# ---- Connections


def edges(span: Span, _: Info) -> list[dict[str, Any]]:
    return [{"cursor": span.cursor(item), "node": item} for item in span.items]


def page(span: Span, _: Info) -> dict[str, Any]:
    ends = [span.cursor(item) for item in (*span.items[:1], *span.items[-1:])] or [None, None]
    more = {"has_next_page": span.more, "has_previous_page": span.begun}
    return {**more, "start_cursor": ends[0], "end_cursor": ends[1]}


for name in ("Product", "User", "Order"):
    FIELDS[f"{name}Connection.edges"] = edges
    FIELDS[f"{name}Connection.nodes"] = lambda span, _: span.items
    FIELDS[f"{name}Connection.pageInfo"] = page
    FIELDS[f"{name}Connection.totalCount"] = lambda span, _: span.total()
