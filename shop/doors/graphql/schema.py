"""The executable schema: schema.graphql with a resolver for each field."""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

from graphql import GraphQLField, GraphQLSchema, build_schema, get_named_type, is_enum_type
from graphql import GraphQLResolveInfo as Info

from shop.doors.graphql.changes import CHANGE_RESOLVERS
from shop.doors.graphql.conversions import (
    parse_money,
    parse_money_literal,
    serialize_money,
    serialize_time,
    to_snake_case,
)
from shop.doors.graphql.mutations import build_mutation_resolvers
from shop.doors.graphql.resolvers import (
    SHOP_RESOLVERS,
    Resolver,
    build_common_resolvers,
    build_entity_resolvers,
)
from shop.doors.graphql.subscriptions import SUBSCRIPTION_RESOLVERS
from shop.doors.resources import RESOURCES
from shop.hypermedia.resources import Resource

SDL = (files("shop.doors.graphql") / "schema.graphql").read_text("utf-8")
ROOT_TYPES = ("Query", "Mutation", "Subscription")


def build_executable_schema(sdl: str, resources: Sequence[Resource]) -> GraphQLSchema:
    """Return the schema with its resolvers; raise LookupError if it lacks a field or a resolver."""
    schema = build_schema(sdl)
    convert_values(schema)
    required: dict[str, Resolver] = {
        **SHOP_RESOLVERS,
        **CHANGE_RESOLVERS,
        **SUBSCRIPTION_RESOLVERS,
        **build_mutation_resolvers(resources),
    }
    for resource in resources:
        required |= build_entity_resolvers(resource)
    common = build_common_resolvers(resources)
    fields = dict(iterate_fields(schema))
    if missing := [path for path in required if path not in fields]:
        raise LookupError(f"schema.graphql has no {', '.join(missing)}")
    for path, field in fields.items():
        type_name, name = path.split(".")
        resolver = required.get(path) or common.get(path) or common.get(name)
        if resolver is None and type_name in ROOT_TYPES:
            raise LookupError(
                f"{path} of schema.graphql has no resolver; is its resource in doors/resources.py?"
            )
        field.resolve = resolver or build_attribute_resolver(name, field)
    return schema


def iterate_fields(schema: GraphQLSchema) -> Iterator[tuple[str, GraphQLField]]:
    """Yield each output field with its path, such as Product.name."""
    for kind in schema.type_map.values():
        for name, field in getattr(kind, "fields", {}).items():
            if isinstance(field, GraphQLField) and not kind.name.startswith("__"):
                yield f"{kind.name}.{name}", field


def convert_values(schema: GraphQLSchema) -> None:
    """Set how scalars, sort orders and the types of nodes are converted."""
    money, time = schema.type_map["Money"], schema.type_map["DateTime"]
    money.parse_value = money.coerce_input_value = parse_money
    money.parse_literal = parse_money_literal
    money.serialize = money.coerce_output_value = serialize_money
    time.serialize = time.coerce_output_value = serialize_time
    schema.type_map["Node"].resolve_type = lambda entity, *_: type(entity).__name__
    for kind in schema.type_map.values():
        if is_enum_type(kind) and kind.name.endswith("Sort"):
            for entry in kind.values.values():
                entry.value = to_snake_case(entry.value)


def build_attribute_resolver(name: str, field: GraphQLField) -> Resolver:
    """Return a resolver that reads the attribute or key of the same name, money in the shop's currency."""
    name = to_snake_case(name)

    def resolve(source: Any, _: Info) -> Any:
        return source[name] if type(source) is dict else getattr(source, name)

    def resolve_money(source: Any, info: Info) -> Any:
        return info.context.currency.to_decimal(getattr(source, name))

    return resolve_money if get_named_type(field.type).name == "Money" else resolve


SCHEMA = build_executable_schema(SDL, RESOURCES)
