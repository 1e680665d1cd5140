"""What every word of the API means: a page for people, ALPS for programs."""

from typing import Any

from flask import current_app

from shop.doors.rest.hal import METHODS, Document
from shop.doors.rest.orders import OrderDocument
from shop.doors.rest.products import ProductDocument
from shop.doors.rest.users import UserDocument
from shop.doors.rest.vocabulary import (
    COLLECTION,
    COMMON,
    DOORS,
    FEED,
    HOME,
    MEANINGS,
    PAGE,
    PARTS,
    STATE,
    TITLES,
    TOKEN,
    WAYS,
)
from shop.doors.web import settings
from shop.model.moves import Move, get_moves

DOCUMENTS: dict[str, type[Document]] = {
    "product": ProductDocument,
    "user": UserDocument,
    "order": OrderDocument,
}


def described(name: str, document: type[Document]) -> dict[str, Any]:
    state = {member: STATE[member] for member in document().fields if member in STATE}
    offered = {move.name: f"{move.title}." for move in get_moves(document.kind).values() if not move.begins}
    return {**state, **COMMON, **WAYS.get(name, {}), **offered}


def side_doors() -> dict[str, str]:
    """The words for the doors that are open beside this one."""
    return {name: text for name, text in DOORS.items() if name in current_app.blueprints}


TERMS = {
    "home": HOME,
    "collection": COLLECTION,
    **{name: described(name, document) for name, document in DOCUMENTS.items()},
    "changes": FEED,
    "token": TOKEN,
}


def alps(root: str) -> dict[str, Any]:
    """The same words for programs (ALPS): each state, and each move with what it takes."""
    states = [state(name, text) for name, text in STATE.items()]
    things = [thing(name, document) for name, document in DOCUMENTS.items()]
    ways = [way(rel, text) for rel, text in navigation().items()]
    head = {"version": "1.0", "doc": said("Shop"), "link": [{"rel": "self", "href": f"{root}/profile"}]}
    return {"alps": {**head, "descriptor": [*states, *ways, *things, lists(), fed(), start()]}}


def state(name: str, text: str, within: str = "") -> dict[str, Any]:
    """A member; those inside of others are named after them, so that an id says one thing."""
    found = {"id": within + name, "name": name} if within else {"id": name}
    found |= {"type": "semantic", "title": titled(name), "doc": said(text)}
    meaning = next((word for word, names in MEANINGS.items() if name in names), None)
    if meaning and within != "collection-":
        found["def"] = f"https://schema.org/{meaning}"
    if "def" in found and meaning == "price":
        found["ext"] = [{"id": "currency", "value": str(settings().currency)}]
    if name in PARTS:
        found["descriptor"] = [state(part, meaning, f"{name}-") for part, meaning in PARTS[name].items()]
    return found


def titled(name: str) -> str:
    return TITLES.get(name) or name.replace("_", " ").replace("-", " ").strip().capitalize()


def lists() -> dict[str, Any]:
    parts = [state(name, text, "collection-") for name, text in PAGE.items()]
    return {"id": "collection-page", "name": "collection", "type": "semantic", "descriptor": parts}


def fed() -> dict[str, Any]:
    """A change: what is its own, and what it has in common with products."""
    own = [state(name, FEED[name], "change-") for name in ("seq", "kind", "product_id", "at")]
    shared = [{"href": f"#{name}"} for name in ("price", "stock")]
    return {"id": "change", "type": "semantic", "title": "Change", "descriptor": [*own, *shared]}


def start() -> dict[str, Any]:
    """The home and its ways; one whose name a member has already is told apart."""
    ways = [way(rel, text, "home-" if rel in STATE else "") for rel, text in {**HOME, **side_doors()}.items()]
    return {"id": "home", "type": "semantic", "title": "Home", "descriptor": ways}


def way(rel: str, text: str, within: str = "") -> dict[str, Any]:
    return {"id": within + rel, "name": rel, "type": "safe", "title": titled(rel), "doc": said(text)}


def said(text: str) -> dict[str, str]:
    return {"value": text}


def navigation() -> dict[str, str]:
    """The rels that lead somewhere; those of the moves stand with what they move."""
    moved = {name for document in DOCUMENTS.values() for name in get_moves(document.kind)}
    words = {**COLLECTION, **TOKEN, **COMMON, **WAYS["user"], **WAYS["order"]}
    return {
        rel: text
        for rel, text in words.items()
        if rel not in {*moved, *STATE, *DOCUMENTS, *HOME, *PAGE, "_embedded.item"}
    }


def thing(name: str, document: type[Document]) -> dict[str, Any]:
    parts = [{"href": f"#{member}"} for member in document().fields if member in STATE]
    return {
        "id": name,
        "type": "semantic",
        "title": titled(name),
        "descriptor": [*parts, *(acted(name, each) for each in get_moves(document.kind).values())],
    }


def acted(name: str, move: Move) -> dict[str, Any]:
    """A move: safe to repeat where HTTP says so, and what it takes."""
    kind = "idempotent" if move.name in METHODS else "unsafe"
    takes = [{"name": word} for word in move.takes().fields]
    return {
        "id": f"{name}-{move.name}",
        "name": move.name,
        "type": kind,
        "rt": f"#{name}",
        "title": move.title,
        "descriptor": takes,
    }
