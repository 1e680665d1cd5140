"""The query of a GET: the search of a list, the members that are wanted, and what is embedded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request
from marshmallow import Schema, fields, validate
from webargs.fields import DelimitedList

from shop.hypermedia.resources import Resource
from shop.hypermedia.runtime import get_service
from shop.model.fields import InputSchema
from shop.storage.pagination import PageInput

if TYPE_CHECKING:
    from shop.hypermedia.service import Service


def build_search(resource: Resource) -> type[PageInput]:
    """Return the parameters of the list: those of the search, and `fields`."""
    parameters = {"fields": build_fields_parameter(resource)}
    return type(f"{resource.kind.__name__}Query", (resource.search,), parameters)


def build_view_query(resource: Resource) -> type[InputSchema]:
    """Return the parameters of a GET of one entity: `fields`, and `embed` if it links to something."""
    parameters: dict[str, Any] = {"fields": build_fields_parameter(resource)}
    if rels := list_embeds(get_service(), resource):
        parameters["embed"] = DelimitedList(
            fields.String(validate=validate.OneOf(rels)),
            validate=validate.Length(1, len(rels)),
            metadata={"description": "What the answer shall hold beside links to it.", "examples": [rels]},
        )
    return type(f"{resource.kind.__name__}View", (InputSchema,), parameters)


def list_embeds(service: Service, resource: Resource) -> list[str]:
    """Return the rels that `embed` may name."""
    return [child.rel for child in service.child_lists_of[resource.kind]] + [*resource.embeds]


def build_fields_parameter(resource: Resource) -> DelimitedList:
    names = [name for name in resource.representation().fields if not name.startswith("_")]
    return DelimitedList(
        fields.String(validate=validate.OneOf(names)),
        validate=validate.Length(1, len(names)),
        metadata={
            "description": "Only these members.",
            "maxItems": len(names),
            "examples": [names[:3]],
        },
    )


def split_parameter(name: str) -> tuple[str, ...]:
    """Return the words of a list in the query of a GET, once it is known that they exist."""
    if request.method not in ("GET", "HEAD"):
        return ()
    return tuple(word for word in read_parameter(name).split(",") if word)


def read_parameter(name: str) -> str:
    """Return a parameter of the query; one that may be repeated is a list."""
    return ",".join(request.args.getlist(name))


def find_read_only(representation: type[Schema], shape: type[Schema]) -> frozenset[str]:
    """Return what a client reads and may send back, but not change."""
    return frozenset(representation().fields) - frozenset(shape().fields)
