"""What every member and link of the API means: a page for people, ALPS for programs.

The words are those of the representations, the resources and the moves; nothing is written here twice.
"""

from typing import Any

from marshmallow import Schema, fields

from shop.hypermedia.home import DOCUMENT_RELS, VERSION_RELS
from shop.hypermedia.links import MOVE_METHODS
from shop.hypermedia.representations import CollectionRepresentation, LinkedSchema
from shop.hypermedia.resources import Resource
from shop.hypermedia.runtime import get_service, get_settings
from shop.hypermedia.service import Service
from shop.model.moves import Move, get_moves

Node = dict[str, Any]
COMMON_RELS = {
    "self": "Where this is.",
    "profile": "What its members and links mean.",
    "collection": "The list it is in.",
}
ITEMS = {"_embedded.item": "The items, whole, each with its own links; present when empty."}


# ---- For people: a list of words for each kind of answer


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
        {"_embedded": "With `embed`: the first page of one of its lists."}
        if get_service().child_lists_of[resource.kind]
        else {}
    )
    return {**describe_members(resource.representation), **embedded, **describe_rels(resource), **moves}


def describe_rels(resource: Resource) -> dict[str, str]:
    children = {child.rel: child.description for child in get_service().child_lists_of[resource.kind]}
    return {**COMMON_RELS, **children, **resource.representation.rels}


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


# ---- For programs: ALPS


def build_alps(root: str) -> Node:
    """Return the same words for programs: each member, and each move with what it takes."""
    service = get_service()
    members = collect_members(service)
    return {
        "alps": {
            "version": "1.0",
            "doc": build_doc(service.name),
            "link": [{"rel": "self", "href": f"{root}/profile"}],
            "descriptor": [
                *(build_member(name, member) for name, member in members.items()),
                *(build_rel(rel, text) for rel, text in collect_rels(service, members).items()),
                *(build_entity(resource) for resource in service.resources),
                build_group("collection-page", "collection", CollectionRepresentation, "collection-"),
                *(build_document(name, schema, members) for name, schema in service.documents.items()),
                build_home(service, members),
            ],
        }
    }


def collect_members(service: Service) -> dict[str, fields.Field]:
    """Return the members of all entities by their names; of several with one name, the first."""
    members: dict[str, fields.Field] = {}
    for resource in service.resources:
        for name, member in resource.representation().fields.items():
            if "description" in member.metadata:
                members.setdefault(name, member)
    return members


def collect_rels(service: Service, members: dict[str, fields.Field]) -> dict[str, str]:
    """Return the rels that lead somewhere; those of the moves stand with their entities."""
    moves = {name for resource in service.resources for name in get_moves(resource.kind)}
    names = {resource.name for resource in service.resources}
    rels = {**CollectionRepresentation.rels, **COMMON_RELS}
    for each in (*map(describe_rels, service.resources), *(doc.rels for doc in service.documents.values())):
        rels = {**each, **rels}
    taken = {*moves, *members, *names, *describe_home_rels(service)}
    return {rel: text for rel, text in rels.items() if rel not in taken}


def build_member(name: str, member: fields.Field, within: str = "") -> Node:
    """Return a member; those inside of others are named after them, so that an id means one thing."""
    descriptor = {"id": within + name, "name": name} if within else {"id": name}
    metadata = member.metadata
    title, text = metadata.get("x-title") or build_title(name), metadata["description"]
    descriptor |= {"type": "semantic", "title": title, "doc": build_doc(text)}
    if meaning := metadata.get("x-means"):
        descriptor["def"] = f"https://schema.org/{meaning}"
        if meaning == "price":
            descriptor["ext"] = [{"id": "currency", "value": str(get_settings().currency)}]
    if isinstance(member, fields.List) and isinstance(member.inner, fields.Nested):
        parts = member.inner.schema.fields.items()
        descriptor["descriptor"] = [build_member(*part, f"{name}-") for part in parts if part[0][0] != "_"]
    return descriptor


def build_title(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").strip().capitalize()


def build_group(id: str, name: str, schema: type[Schema], within: str) -> Node:
    parts = [build_member(*part, within) for part in schema().fields.items() if part[0][0] != "_"]
    return {"id": id, "name": name, "type": "semantic", "descriptor": parts}


def build_document(name: str, schema: type[LinkedSchema], members: dict[str, fields.Field]) -> Node:
    """Return a document: the members that are its own, and references to those of entities."""
    descriptors = []
    for part in find_parts(schema()) or [schema]:
        for member, declared in part().fields.items():
            if member[0] != "_":
                is_shared = member in members and "x-own" not in declared.metadata
                descriptors.append(
                    {"href": f"#{member}"} if is_shared else build_member(member, declared, f"{name}-")
                )
    return {"id": name, "type": "semantic", "title": build_title(name), "descriptor": descriptors}


def build_home(service: Service, members: dict[str, fields.Field]) -> Node:
    """Return the home and its rels; a rel that has the name of a member gets a separate id."""
    rels = describe_home_rels(service).items()
    descriptors = [build_rel(rel, text, "home-" if rel in members else "") for rel, text in rels]
    return {"id": "home", "type": "semantic", "title": "Home", "descriptor": descriptors}


def build_rel(rel: str, text: str, within: str = "") -> Node:
    title = REL_TITLES.get(rel) or build_title(rel)
    return {"id": within + rel, "name": rel, "type": "safe", "title": title, "doc": build_doc(text)}


def build_doc(text: str) -> dict[str, str]:
    return {"value": text}


def build_entity(resource: Resource) -> Node:
    members = describe_members(resource.representation)
    moves = get_moves(resource.kind).values()
    descriptors = [*({"href": f"#{member}"} for member in members), *(build_move(resource, m) for m in moves)]
    return {
        "id": resource.name,
        "type": "semantic",
        "title": build_title(resource.name),
        "descriptor": descriptors,
    }


def build_move(resource: Resource, move: Move) -> Node:
    """Return a move: whether it may be repeated as HTTP says, and what it takes."""
    return {
        "id": f"{resource.name}-{move.name}",
        "name": move.name,
        "type": "idempotent" if move.name in MOVE_METHODS else "unsafe",
        "rt": f"#{resource.name}",
        "title": move.title,
        "descriptor": [{"name": name} for name in move.takes().fields],
    }


REL_TITLES = {
    "me": "My account",
    "service-desc": "OpenAPI",
    "service-doc": "Manual",
    "predecessor-version": "Version before",
    "successor-version": "Next version",
}
