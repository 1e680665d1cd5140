"""Resolvers of queries and fields. A field that is not here is the attribute of the same name."""

from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLResolveInfo as Info

from shop.domain.order import Item, Order, Step
from shop.domain.product import Product
from shop.domain.user import User
from shop.doors.graphql.conversions import ID_PATTERN, load_input, parse_id
from shop.doors.graphql.dataloader import GraphQLContext
from shop.doors.graphql.mutations import get_mutation_name
from shop.model.entity import Entity
from shop.model.errors import NotFound
from shop.model.moves import find_available_moves
from shop.services import orders, products, users
from shop.services.catalogue import list_product_span
from shop.services.moves import ENTITY_TYPES
from shop.storage.execution import find_entities, find_entity
from shop.storage.spans import Span, fetch_children, fetch_span, fetch_spans

RESOLVERS: dict[str, Callable[..., Any]] = {}


def register_resolver(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return lambda resolver: RESOLVERS.update(dict.fromkeys(names, resolver)) or resolver


def find_node(info: Info, kind: type[Entity], id: str) -> Entity | None:
    try:
        return find_entity(info.context.ctx, kind, parse_id(kind, id), without_relations=True)
    except NotFound:
        return None


for kind in ENTITY_TYPES:
    name = kind.__name__
    RESOLVERS[f"Query.{name.lower()}"] = lambda _, info, id, kind=kind: find_node(info, kind, id)
    RESOLVERS[f"{name}.id"] = lambda entity, _, name=name: f"{name}:{entity.id}"
    RESOLVERS[f"{name}.etag"] = lambda entity, _: entity.tag
    RESOLVERS[f"{name}Payload.{name.lower()}"] = lambda entity, _: entity


@register_resolver("Query.node")
def resolve_node(_: None, info: Info, id: str) -> Entity | None:
    match = ID_PATTERN.fullmatch(id)
    kinds = {kind.__name__: kind for kind in ENTITY_TYPES}
    return find_node(info, kinds[match[1]], id) if match and match[1] in kinds else None


@register_resolver("Query.shop")
def resolve_shop(_: None, info: Info) -> dict[str, Any]:
    creating = [
        get_mutation_name(kind, move)
        for kind in ENTITY_TYPES
        for move in find_available_moves(kind, info.context.ctx.get_roles())
    ]
    return {"name": "Shop", "currency": str(info.context.ctx.currency), "can": creating}


@register_resolver("Product.can", "User.can", "Order.can")
def resolve_can(entity: Entity, info: Info) -> list[str]:
    return [move.name for move in find_available_moves(entity, info.context.ctx.get_roles(entity))]


@register_resolver("ProductPayload.ok", "UserPayload.ok", "OrderPayload.ok", "TokenPayload.ok", "Done.ok")
def resolve_ok(_: Any, info: Info) -> bool:
    return True


# ---- Lists: a list announces its ids, so that the data loader can load for all of them at once


def drop_nulls(search: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in search.items() if value is not None}


@register_resolver("Query.products")
def resolve_products(_: None, info: Info, first: int, after: str | None = None, **search: Any) -> Span:
    ctx = info.context.ctx
    return list_product_span(
        ctx, load_input(products.ProductSearch(), drop_nulls(search), info.context.currency), first, after
    )


@register_resolver("Query.searchProducts")
def resolve_search(_: None, info: Info, query: str, first: int, **bounds: Any) -> Any:
    return resolve_products(_, info, first, q=query, sort="id", order="asc", **bounds).items


@register_resolver("Query.me")
def resolve_me(_: None, info: Info) -> User | None:
    actor = info.context.ctx.actor
    return find_entity(info.context.ctx, User, actor.id) if actor else None


@register_resolver("Query.users")
def resolve_users(_: None, info: Info, first: int, after: str | None = None) -> Span:
    ctx = info.context.ctx
    span = fetch_span(ctx.session, users.select_visible_users(ctx), users.BY_ID, first, after)
    info.context.announce_ids(User, (user.id for user in span.items))
    return span


@register_resolver("Query.orders")
def resolve_orders(_: None, info: Info, first: int, after: str | None = None, **search: Any) -> Span:
    ctx = info.context.ctx
    filters = load_input(orders.OrderSearch(), drop_nulls(search), info.context.currency)
    order = orders.NEWEST_FIRST.for_search(filters)
    span = fetch_span(ctx.session, orders.select_visible_orders(ctx, filters), order, first, after)
    announce_orders(info.context, span.items)
    return span


def announce_orders(context: GraphQLContext, page: Sequence[Order]) -> None:
    context.announce_ids(Order, (order.id for order in page))
    context.announce_ids(User, (order.user_id for order in page))


@register_resolver("User.orderConnection")
def resolve_orders_of_user(user: User, info: Info, first: int, after: str | None = None) -> Span:
    return info.context.load(fetch_orders_of_users, User, user.id, first, after)


@register_resolver("User.orders")
def resolve_newest_orders(user: User, info: Info, first: int) -> Any:
    return resolve_orders_of_user(user, info, first).items


def fetch_orders_of_users(
    context: GraphQLContext, ids: list[int], first: int, after: str | None
) -> dict[int, Span]:
    visible = orders.select_visible_orders(context.ctx, {})
    spans = fetch_spans(context.ctx.session, visible, orders.NEWEST_FIRST, Order.user_id, ids, first, after)
    announce_orders(context, [order for span in spans.values() for order in span.items])
    return spans


def fetch_items_of_orders(context: GraphQLContext, ids: list[int]) -> dict[int, list[Item]]:
    items_by_order = fetch_children(context.ctx.session, Item, "order_id", ids, Item.product_id)
    context.announce_ids(Product, (item.product_id for items in items_by_order.values() for item in items))
    return items_by_order


def fetch_steps_of_orders(context: GraphQLContext, ids: list[int]) -> dict[int, list[Step]]:
    return fetch_children(context.ctx.session, Step, "order_id", ids, Step.id)


def fetch_products(context: GraphQLContext, ids: list[int]) -> dict[int, Product | None]:
    return find_entities(context.ctx, Product, ids)


def fetch_users(context: GraphQLContext, ids: list[int]) -> dict[int, User | None]:
    return find_entities(context.ctx, User, ids)


RESOLVERS["Order.items"] = lambda order, info: info.context.load(fetch_items_of_orders, Order, order.id)
RESOLVERS["Order.history"] = lambda order, info: info.context.load(fetch_steps_of_orders, Order, order.id)
RESOLVERS["Order.user"] = lambda order, info: info.context.load(fetch_users, User, order.user_id)
RESOLVERS["OrderItem.product"] = lambda item, info: info.context.load(
    fetch_products, Product, item.product_id
)
RESOLVERS["OrderItem.productId"] = lambda item, _: f"Product:{item.product_id}"
RESOLVERS["OrderStep.by"] = lambda step, _: f"User:{step.by}"
RESOLVERS["TokenPayload.userId"] = lambda pair, _: f"User:{pair.actor.id}"
RESOLVERS["TokenPayload.tokenType"] = lambda *_: "Bearer"


# ---- Connections


def build_edges(span: Span, _: Info) -> list[dict[str, Any]]:
    return [{"cursor": span.build_cursor(item), "node": item} for item in span.items]


def build_page_info(span: Span, _: Info) -> dict[str, Any]:
    cursors = [span.build_cursor(item) for item in (*span.items[:1], *span.items[-1:])] or [None, None]
    more = {"has_next_page": span.has_more, "has_previous_page": span.has_previous}
    return {**more, "start_cursor": cursors[0], "end_cursor": cursors[1]}


for name in ("Product", "User", "Order"):
    RESOLVERS[f"{name}Connection.edges"] = build_edges
    RESOLVERS[f"{name}Connection.nodes"] = lambda span, _: span.items
    RESOLVERS[f"{name}Connection.pageInfo"] = build_page_info
    RESOLVERS[f"{name}Connection.totalCount"] = lambda span, _: span.count_total()
