"""Lengths of the lists in introspection, so that queries for the schema cost what they return."""

from collections.abc import Iterable
from statistics import fmean
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInputField,
    GraphQLNamedType,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    TypeNameMetaFieldDef,
)

from shop.doors.graphql.schema import SCHEMA

META_FIELDS = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef, "__typename": TypeNameMetaFieldDef}
WRAPPED_TYPE_SHARE = 0.5  # of the types that are asked for `ofType`, about this share is a list or not null


def count_members(things: Iterable[Any], name: str) -> list[int]:
    return [len(getattr(each, name, None) or ()) for each in things]


def list_fields(kind: GraphQLNamedType) -> list[Any]:
    return list((getattr(kind, "fields", None) or {}).values())


def count_fields(types: Iterable[GraphQLNamedType], field_type: type) -> list[int]:
    """Return how many fields of an output or input type each type has."""
    return [sum(isinstance(field, field_type) for field in list_fields(kind)) for kind in types]


def compute_list_lengths() -> dict[str, list[int]]:
    """Return the lengths that each list of introspection has in this schema."""
    types = list(SCHEMA.type_map.values())
    fields = [field for kind in types for field in list_fields(kind)]
    nodes = len(SCHEMA.get_possible_types(SCHEMA.type_map["Node"]))
    return {
        "__Schema.types": [len(types)],
        "__Schema.directives": [len(SCHEMA.directives)],
        "__Type.fields": count_fields(types, GraphQLField),
        "__Type.inputFields": count_fields(types, GraphQLInputField),
        "__Type.enumValues": count_members(types, "values"),
        "__Type.interfaces": count_members(types, "interfaces"),
        "__Type.possibleTypes": [nodes if kind.name == "Node" else 0 for kind in types],
        "__Field.args": count_members(fields, "args"),
        "__Directive.args": count_members(SCHEMA.directives, "args"),
        "__Directive.locations": count_members(SCHEMA.directives, "locations"),
    }


LIST_LENGTHS = compute_list_lengths()
MEAN_LENGTHS = {name: fmean(lengths) for name, lengths in LIST_LENGTHS.items()}
MAX_LENGTHS = {name: float(max(lengths)) for name, lengths in LIST_LENGTHS.items()}


def estimate_list_length(parent: str, field: str, *, of_all: bool) -> float:
    """Return how many values a field has: the mean if all types are queried, otherwise the maximum."""
    if field == "ofType":
        return WRAPPED_TYPE_SHARE
    return (MEAN_LENGTHS if of_all else MAX_LENGTHS).get(f"{parent}.{field}", 1.0)
