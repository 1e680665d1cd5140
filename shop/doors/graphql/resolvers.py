"""Resolvers of queries and fields. A field without one is the attribute of the same name."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import Any

from graphql import GraphQLResolveInfo as Info

from shop.domain.draft import Draft, DraftLine
from shop.domain.order import Item, Order, Step
from shop.domain.product import Product
from shop.domain.user import User
from shop.doors.graphql.conversions import ID_PATTERN, load_input, parse_id
from shop.doors.graphql.dataloader import GraphQLContext
from shop.doors.graphql.mutations import get_mutation_name
from shop.doors.resources import RESOURCES, find_resource
from shop.hypermedia.resources import Resource
from shop.model.entity import Entity
from shop.model.errors import NotFound
from shop.model.moves import find_available_moves
from shop.services import orders
from shop.storage.execution import find_entity
from shop.storage.spans import Span, fetch_children, fetch_spans

Resolver = Callable[..., Any]


# ---- For every kind of entity


def build_entity_resolvers(resource: Resource) -> dict[str, Resolver]:
    """Return the resolvers of the fields that the schema must have for a resource."""
    kind, type_name, name = resource.kind, resource.kind.__name__, resource.name
    return {
        f"Query.{name}": lambda _, info, id: find_node(info, kind, id),
        f"Query.{resource.plural}": partial(resolve_list, resource),
        f"{type_name}.id": lambda entity, _: build_id(kind, entity.id),
        f"{type_name}.etag": lambda entity, _: entity.tag,
        f"{type_name}.can": resolve_can,
        f"{type_name}Payload.{name}": lambda entity, _: entity,
    }


def build_common_resolvers(resources: Iterable[Resource]) -> dict[str, Resolver]:
    """Return the resolvers of fields that mean the same in every type."""
    resolvers: dict[str, Resolver] = {
        "ok": lambda *_: True,
        "edges": build_edges,
        "nodes": lambda span, _: span.items,
        "pageInfo": build_page_info,
        "totalCount": lambda span, _: span.count_total().count,
        "totalCountIsExact": lambda span, _: bool(span.count_total().is_exact),
    }
    for resource in resources:
        resolvers[resource.name] = partial(resolve_reference, resource)
        resolvers[f"{resource.name}Id"] = partial(resolve_reference_id, resource)
    return resolvers


def build_id(kind: type[Entity], id: int) -> str:
    return f"{kind.__name__}:{id}"


def find_node(info: Info, kind: type[Entity], id: str) -> Entity | None:
    try:
        return find_entity(info.context.ctx, kind, parse_id(kind, id), without_relations=True)
    except NotFound:
        return None


def resolve_can(entity: Entity, info: Info) -> list[str]:
    return [move.name for move in find_available_moves(entity, info.context.ctx.get_roles(entity))]


def resolve_reference(resource: Resource, source: Any, info: Info) -> Entity | None:
    """Return the entity that an object refers to by its id, such as product_id."""
    return info.context.load_entity(resource.kind, getattr(source, f"{resource.name}_id"))


def resolve_reference_id(resource: Resource, source: Any, _: Info) -> str:
    return build_id(resource.kind, getattr(source, f"{resource.name}_id"))


def resolve_list(
    resource: Resource, _: None, info: Info, first: int, after: str | None = None, **search: Any
) -> Span:
    context = info.context
    given = {name: value for name, value in search.items() if value is not None}
    filters = load_input(resource.search(), given, context.currency)
    span = resource.find_span(context.ctx, filters, first, after)
    context.announce_rows(span.items)
    return span


def build_edges(span: Span, _: Info) -> list[dict[str, Any]]:
    return [{"cursor": span.build_cursor(item), "node": item} for item in span.items]


def build_page_info(span: Span, _: Info) -> dict[str, Any]:
    cursors = [span.build_cursor(item) for item in (*span.items[:1], *span.items[-1:])] or [None, None]
    more = {"has_next_page": span.has_more, "has_previous_page": span.has_previous}
    return {**more, "start_cursor": cursors[0], "end_cursor": cursors[1]}


# ---- For this shop


def resolve_node(_: None, info: Info, id: str) -> Entity | None:
    match = ID_PATTERN.fullmatch(id)
    kinds = [each.kind for each in RESOURCES if match and match[1] == each.kind.__name__]
    return find_node(info, kinds[0], id) if kinds else None


def resolve_shop(_: None, info: Info) -> dict[str, Any]:
    ctx = info.context.ctx
    creations = [
        get_mutation_name(resource, move)
        for resource in RESOURCES
        for move in find_available_moves(resource.kind, ctx.get_roles())
    ]
    return {"name": "Shop", "currency": str(ctx.currency), "can": creations}


def resolve_search(_: None, info: Info, query: str, first: int, **bounds: Any) -> Any:
    search = {"q": query, "sort": "id", "order": "asc", **bounds}
    return resolve_list(find_resource(Product), None, info, first, **search).items


def resolve_me(_: None, info: Info) -> User | None:
    actor = info.context.ctx.actor
    return find_entity(info.context.ctx, User, actor.id) if actor else None


def resolve_orders_of_user(user: User, info: Info, first: int, after: str | None = None) -> Span:
    return info.context.load(fetch_orders_of_users, User, user.id, first, after)


def fetch_orders_of_users(
    context: GraphQLContext, ids: list[int], first: int, after: str | None
) -> dict[int, Span]:
    visible = orders.select_visible_orders(context.ctx, {})
    spans = fetch_spans(context.ctx.session, visible, orders.NEWEST_FIRST, Order.user_id, ids, first, after)
    context.announce_rows([order for span in spans.values() for order in span.items])
    return spans


def fetch_items_of_orders(context: GraphQLContext, ids: list[int]) -> dict[int, list[Item]]:
    items_by_order = fetch_children(context.ctx.session, Item, "order_id", ids, Item.product_id)
    context.announce_rows([item for items in items_by_order.values() for item in items])
    return items_by_order


def load_lines(draft: Draft, info: Info) -> list[DraftLine]:
    return info.context.load(fetch_lines_of_drafts, Draft, draft.id)


def fetch_lines_of_drafts(context: GraphQLContext, ids: list[int]) -> dict[int, list[DraftLine]]:
    lines_by_draft = fetch_children(
        context.ctx.session, DraftLine, "draft_id", ids, DraftLine.product_id, DraftLine.product
    )
    context.announce_rows([line for lines in lines_by_draft.values() for line in lines])
    return lines_by_draft


def resolve_draft_total(draft: Draft, info: Info) -> Decimal:
    total = sum(line.total for line in load_lines(draft, info))
    return info.context.currency.to_decimal(total)


def fetch_steps_of_orders(context: GraphQLContext, ids: list[int]) -> dict[int, list[Step]]:
    return fetch_children(context.ctx.session, Step, "order_id", ids, Step.id)


SHOP_RESOLVERS: dict[str, Resolver] = {
    "Query.node": resolve_node,
    "Query.shop": resolve_shop,
    "Query.searchProducts": resolve_search,
    "Query.me": resolve_me,
    "User.orderConnection": resolve_orders_of_user,
    "User.orders": lambda user, info, first: resolve_orders_of_user(user, info, first).items,
    "Order.items": lambda order, info: info.context.load(fetch_items_of_orders, Order, order.id),
    "Order.history": lambda order, info: info.context.load(fetch_steps_of_orders, Order, order.id),
    "Draft.items": load_lines,
    "Draft.total": resolve_draft_total,
    "OrderStep.by": lambda step, _: build_id(User, step.by),
    "TokenPayload.userId": lambda pair, _: build_id(User, pair.actor.id),
    "TokenPayload.tokenType": lambda *_: "Bearer",
}
