"""What every word of the API means: a page for people, ALPS for programs."""

from typing import Any

from flask import current_app

from shop.doors.request_context import get_settings
from shop.doors.rest.orders import OrderDocument
from shop.doors.rest.products import ProductDocument
from shop.doors.rest.representations import MOVE_METHODS, Representation
from shop.doors.rest.users import UserDocument
from shop.doors.rest.vocabulary import (
    CHANGE_TERMS,
    COLLECTION_RELS,
    COMMON_RELS,
    ENTITY_RELS,
    HOME_RELS,
    MEMBER_TITLES,
    MEMBERS,
    PAGE_MEMBERS,
    PART_MEMBERS,
    SCHEMA_ORG,
    SIDE_DOORS,
    TOKEN_TERMS,
)
from shop.model.moves import Move, get_moves

DOCUMENTS: dict[str, type[Representation]] = {
    "product": ProductDocument,
    "user": UserDocument,
    "order": OrderDocument,
}


def describe_entity(name: str, document: type[Representation]) -> dict[str, Any]:
    state = {member: MEMBERS[member] for member in document().fields if member in MEMBERS}
    offered = {
        move.name: f"{move.title}." for move in get_moves(document.kind).values() if not move.is_creation
    }
    return {**state, **COMMON_RELS, **ENTITY_RELS.get(name, {}), **offered}


def list_side_doors() -> dict[str, str]:
    """The words for the doors that are open beside this one."""
    return {name: text for name, text in SIDE_DOORS.items() if name in current_app.blueprints}


PROFILE_TERMS = {
    "home": HOME_RELS,
    "collection": COLLECTION_RELS,
    **{name: describe_entity(name, document) for name, document in DOCUMENTS.items()},
    "changes": CHANGE_TERMS,
    "token": TOKEN_TERMS,
}


def build_alps(root: str) -> dict[str, Any]:
    """The same words for programs (ALPS): each state, and each move with what it takes."""
    states = [build_state(name, text) for name, text in MEMBERS.items()]
    things = [build_entity(name, document) for name, document in DOCUMENTS.items()]
    ways = [build_rel(rel, text) for rel, text in list_rels().items()]
    head = {"version": "1.0", "doc": build_doc("Shop"), "link": [{"rel": "self", "href": f"{root}/profile"}]}
    return {
        "alps": {
            **head,
            "descriptor": [*states, *ways, *things, build_collection(), build_change(), build_home()],
        }
    }


def build_state(name: str, text: str, within: str = "") -> dict[str, Any]:
    """A member; those inside of others are named after them, so that an id says one thing."""
    found = {"id": within + name, "name": name} if within else {"id": name}
    found |= {"type": "semantic", "title": build_title(name), "doc": build_doc(text)}
    meaning = next((word for word, names in SCHEMA_ORG.items() if name in names), None)
    if meaning and within != "collection-":
        found["def"] = f"https://schema.org/{meaning}"
    if "def" in found and meaning == "price":
        found["ext"] = [{"id": "currency", "value": str(get_settings().currency)}]
    if name in PART_MEMBERS:
        found["descriptor"] = [
            build_state(part, meaning, f"{name}-") for part, meaning in PART_MEMBERS[name].items()
        ]
    return found


def build_title(name: str) -> str:
    return MEMBER_TITLES.get(name) or name.replace("_", " ").replace("-", " ").strip().capitalize()


def build_collection() -> dict[str, Any]:
    parts = [build_state(name, text, "collection-") for name, text in PAGE_MEMBERS.items()]
    return {"id": "collection-page", "name": "collection", "type": "semantic", "descriptor": parts}


def build_change() -> dict[str, Any]:
    """A change: what is its own, and what it has in common with products."""
    own = [build_state(name, CHANGE_TERMS[name], "change-") for name in ("seq", "kind", "product_id", "at")]
    shared = [{"href": f"#{name}"} for name in ("price", "stock")]
    return {"id": "change", "type": "semantic", "title": "Change", "descriptor": [*own, *shared]}


def build_home() -> dict[str, Any]:
    """Describe the home and its rels; a rel that has the name of a member gets an id of its own."""
    ways = [
        build_rel(rel, text, "home-" if rel in MEMBERS else "")
        for rel, text in {**HOME_RELS, **list_side_doors()}.items()
    ]
    return {"id": "home", "type": "semantic", "title": "Home", "descriptor": ways}


def build_rel(rel: str, text: str, within: str = "") -> dict[str, Any]:
    return {
        "id": within + rel,
        "name": rel,
        "type": "safe",
        "title": build_title(rel),
        "doc": build_doc(text),
    }


def build_doc(text: str) -> dict[str, str]:
    return {"value": text}


def list_rels() -> dict[str, str]:
    """The rels that lead somewhere; those of the moves stand with what they move."""
    moved = {name for document in DOCUMENTS.values() for name in get_moves(document.kind)}
    words = {**COLLECTION_RELS, **TOKEN_TERMS, **COMMON_RELS, **ENTITY_RELS["user"], **ENTITY_RELS["order"]}
    return {
        rel: text
        for rel, text in words.items()
        if rel not in {*moved, *MEMBERS, *DOCUMENTS, *HOME_RELS, *PAGE_MEMBERS, "_embedded.item"}
    }


def build_entity(name: str, document: type[Representation]) -> dict[str, Any]:
    parts = [{"href": f"#{member}"} for member in document().fields if member in MEMBERS]
    return {
        "id": name,
        "type": "semantic",
        "title": build_title(name),
        "descriptor": [*parts, *(build_move(name, each) for each in get_moves(document.kind).values())],
    }


def build_move(name: str, move: Move) -> dict[str, Any]:
    """A move: safe to repeat where HTTP says so, and what it takes."""
    kind = "idempotent" if move.name in MOVE_METHODS else "unsafe"
    takes = [{"name": word} for word in move.takes().fields]
    return {
        "id": f"{name}-{move.name}",
        "name": move.name,
        "type": kind,
        "rt": f"#{name}",
        "title": move.title,
        "descriptor": takes,
    }
