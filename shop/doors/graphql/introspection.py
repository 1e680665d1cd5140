"""How long the lists of introspection are, so that questions about the schema are weighed like all others."""

from collections.abc import Iterable
from statistics import fmean
from typing import Any

from graphql import GraphQLField, GraphQLNamedType, SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef

from shop.doors.graphql.schema import SCHEMA

META = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef, "__typename": TypeNameMetaFieldDef}
WRAPPED = 0.5  # of the types that are asked for `ofType`, about this share is a list or not null


def count_members(things: Iterable[Any], name: str) -> list[int]:
    return [len(getattr(each, name, None) or ()) for each in things]


def list_lengths() -> dict[str, list[int]]:
    """The lengths that each list of introspection has in this schema."""
    types = list(SCHEMA.type_map.values())
    fields = [each for kind in types for each in (getattr(kind, "fields", None) or {}).values()]
    output = [kind for kind in types if any(isinstance(each, GraphQLField) for each in fields_of(kind))]
    inputs = [kind for kind in types if kind not in output and fields_of(kind)]
    unlisted = [0] * (len(types) - len(output)), [0] * (len(types) - len(inputs))
    return {
        "__Schema.types": [len(types)],
        "__Schema.directives": [len(SCHEMA.directives)],
        "__Type.fields": count_members(output, "fields") + unlisted[0],
        "__Type.inputFields": count_members(inputs, "fields") + unlisted[1],
        "__Type.enumValues": count_members(types, "values"),
        "__Type.interfaces": count_members(types, "interfaces"),
        "__Type.possibleTypes": [
            len(SCHEMA.get_possible_types(kind)) if kind.name == "Node" else 0 for kind in types
        ],
        "__Field.args": count_members(fields, "args"),
        "__Directive.args": count_members(SCHEMA.directives, "args"),
        "__Directive.locations": count_members(SCHEMA.directives, "locations"),
    }


def fields_of(kind: GraphQLNamedType) -> Iterable[Any]:
    return (getattr(kind, "fields", None) or {}).values()


LENGTHS = list_lengths()
MEAN = {name: fmean(lengths) for name, lengths in LENGTHS.items()}
LARGEST = {name: float(max(lengths)) for name, lengths in LENGTHS.items()}


def find_length(parent: str, field: str, *, of_all: bool) -> float:
    """How many values a field stands for: the mean, where all types are asked, else the most there are."""
    if field == "ofType":
        return WRAPPED
    return (MEAN if of_all else LARGEST).get(f"{parent}.{field}", 1.0)
