"""The executable schema: schema.graphql with a resolver for each field."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from graphql import GraphQLField, GraphQLSchema, build_schema, get_named_type
from graphql import GraphQLResolveInfo as Info

from shop.doors.graphql.changes import CHANGE_RESOLVERS
from shop.doors.graphql.conversions import (
    parse_money,
    parse_money_literal,
    serialize_money,
    serialize_time,
    to_snake_case,
)
from shop.doors.graphql.mutations import MUTATION_RESOLVERS
from shop.doors.graphql.resolvers import RESOLVERS

SDL = (files("shop.doors.graphql") / "schema.graphql").read_text("utf-8")

Resolver = Callable[..., Any]


def bind_resolvers() -> GraphQLSchema:
    schema = build_schema(SDL)
    money, time = schema.type_map["Money"], schema.type_map["DateTime"]
    money.parse_value = money.coerce_input_value = parse_money
    money.parse_literal = parse_money_literal
    money.serialize = money.coerce_output_value = serialize_money
    time.serialize = time.coerce_output_value = serialize_time
    schema.type_map["Node"].resolve_type = lambda entity, *_: type(entity).__name__
    for value in schema.type_map["ProductSort"].values.values():
        value.value = to_snake_case(value.value)
    mutations = {f"Mutation.{name}": resolver for name, resolver in MUTATION_RESOLVERS.items()}
    resolvers = {**RESOLVERS, **CHANGE_RESOLVERS, **mutations}
    for kind in schema.type_map.values():
        for name, field in getattr(kind, "fields", {}).items():
            if isinstance(field, GraphQLField) and not kind.name.startswith("__"):
                field.resolve = resolvers.pop(f"{kind.name}.{name}", None) or build_attribute_resolver(
                    name, field
                )
    if resolvers:
        raise LookupError(f"schema.graphql has no {', '.join(resolvers)}")
    return schema


def build_attribute_resolver(name: str, field: GraphQLField) -> Resolver:
    """Return a resolver that reads the attribute or key of the same name, money in the shop's currency."""
    name = to_snake_case(name)

    def resolve(source: Any, _: Info) -> Any:
        return source[name] if type(source) is dict else getattr(source, name)

    def resolve_money(source: Any, info: Info) -> Any:
        return info.context.currency.to_decimal(getattr(source, name))

    return resolve_money if get_named_type(field.type).name == "Money" else resolve


SCHEMA = bind_resolvers()
