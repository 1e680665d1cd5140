"""What every member and link of the API means: the words of each kind of answer with their descriptions.

They are those of the representations, the resources and the moves; nothing is written here twice.
"""

from typing import Any

from marshmallow import Schema, fields

from shop.hypermedia.home import DOCUMENT_RELS, VERSION_RELS
from shop.hypermedia.queries import list_embeds
from shop.hypermedia.representations import MONITOR, CollectionRepresentation, LinkedSchema
from shop.hypermedia.resources import Resource
from shop.hypermedia.runtime import get_service
from shop.hypermedia.service import Service
from shop.model.moves import get_moves

Node = dict[str, Any]
COMMON_RELS = {
    "self": "Where this is.",
    "profile": "What its members and links mean.",
    "collection": "The list it is in.",
}
ITEMS = {"_embedded.item": "The items, whole, each with its own links; present when empty."}


def list_terms(service: Service) -> dict[str, dict[str, str]]:
    """Return the words of each kind of answer with their descriptions."""
    collection = {**describe_members(CollectionRepresentation), **CollectionRepresentation.rels, **ITEMS}
    return {
        "home": {**describe_members(service.home), **describe_home_rels(service)},
        "collection": collection,
        **{resource.name: describe_resource(resource) for resource in service.resources},
        **{name: describe_document(schema) for name, schema in service.documents.items()},
    }


def describe_members(schema: type[Schema]) -> dict[str, str]:
    """Return the descriptions of the members; each member must have one."""
    found = {}
    for name, member in schema().fields.items():
        if name not in ("_links", "_templates", "_embedded"):
            if "description" not in member.metadata:
                raise TypeError(f"{schema.__name__}.{name} has no description")
            found[name] = member.metadata["description"]
    return found


def describe_home_rels(service: Service) -> dict[str, str]:
    creating = {
        move.name: f"POST: {move.title}."
        for resource in reversed(service.resources)
        for move in get_moves(resource.kind).values()
        if move.is_creation
    }
    return {
        **{resource.plural: resource.description for resource in service.resources},
        "search": "The first of these lists, searched: a URI template (RFC 6570).",
        **creating,
        **service.home.rels,
        **{name: door.description for name, door in service.side_doors.items()},
        **DOCUMENT_RELS,
        **(VERSION_RELS if len(service.versions) > 1 else {}),
    }


def describe_resource(resource: Resource) -> dict[str, str]:
    moves = {
        each.name: f"{each.title}." for each in get_moves(resource.kind).values() if not each.is_creation
    }
    embedded = (
        {"_embedded": f"With `embed`: {' and '.join(rels)}."}
        if (rels := list_embeds(get_service(), resource))
        else {}
    )
    return {**describe_members(resource.representation), **embedded, **describe_rels(resource), **moves}


def describe_rels(resource: Resource) -> dict[str, str]:
    children = {child.rel: child.description for child in get_service().child_lists_of[resource.kind]}
    monitor = {"monitor": MONITOR} if resource.monitor else {}
    return {**COMMON_RELS, **monitor, **children, **resource.representation.rels}


def describe_document(schema: type[LinkedSchema]) -> dict[str, str]:
    parts = {name: text for part in find_parts(schema()) for name, text in describe_members(part).items()}
    items = {"_embedded.item": "The items, oldest first; present when empty."} if parts else {}
    return {**schema.rels, **items, **describe_members(schema), **parts}


def find_parts(schema: Schema) -> list[type[Schema]]:
    """Return the schemas of what is embedded in a document."""
    embedded = schema.fields.get("_embedded")
    if not isinstance(embedded, fields.Nested):
        return []
    lists = [each for each in embedded.schema.fields.values() if isinstance(each, fields.List)]
    return [type(each.inner.schema) for each in lists]


def collect_members(service: Service) -> dict[str, fields.Field]:
    """Return the members of all entities by their names; of several with one name, the first."""
    members: dict[str, fields.Field] = {}
    for resource in service.resources:
        for name, member in resource.representation().fields.items():
            if "description" in member.metadata:
                members.setdefault(name, member)
    return members
