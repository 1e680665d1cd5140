"""The profile for programs (ALPS): each member, and each move with what it takes."""

from typing import Any

from marshmallow import Schema, fields

from shop.hypermedia.links import MOVE_METHODS
from shop.hypermedia.profile import (
    COMMON_RELS,
    collect_members,
    describe_home_rels,
    describe_members,
    describe_rels,
    find_parts,
)
from shop.hypermedia.representations import CollectionRepresentation, LinkedSchema
from shop.hypermedia.resources import Resource
from shop.hypermedia.runtime import get_service, get_settings
from shop.hypermedia.service import Service
from shop.model.moves import Move, get_moves

Node = dict[str, Any]
REL_TITLES = {
    "me": "My account",
    "service-desc": "OpenAPI",
    "service-doc": "Manual",
    "predecessor-version": "Version before",
    "successor-version": "Next version",
}


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
