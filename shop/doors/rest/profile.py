"""What every word of the API means, for people: moves say it themselves, the rest stands here."""

from typing import Any

from shop.domain.moves import Move, moves
from shop.doors.rest.hal import METHODS, Document
from shop.doors.rest.orders import OrderDocument
from shop.doors.rest.products import ProductDocument
from shop.doors.rest.users import UserDocument

DOCUMENTS: dict[str, type[Document]] = {
    "product": ProductDocument,
    "user": UserDocument,
    "order": OrderDocument,
}
COMMON = {
    "self": "Where this is.",
    "profile": "What its words mean.",
    "collection": "The list it is in.",
}
WAYS = {
    "user": {"orders": "What this user ordered."},
    "order": {"user": "Who ordered it, while they have an account."},
}
HOME = {
    "products": "The catalogue.",
    "search": "The catalogue, searched: a URI template (RFC 6570).",
    "login": "POST a username and a password; the answer holds tokens.",
    "logout": "DELETE ends the login: both tokens are dead at once.",
    "register": "POST opens an account.",
    "create": "POST adds a product.",
    "me": "The account of the caller.",
    "users": "All accounts, for staff.",
    "orders": "The orders of the caller; for staff, all.",
    "service-desc": "The OpenAPI document of this version.",
    "service-doc": "The same, to read and to try.",
    "status": "Whether the service is ready.",
    "predecessor-version": "The home of the version before.",
    "successor-version": "The home of the version after.",
}
COLLECTION = {
    "self": "This page.",
    "first": "The first page.",
    "prev": "The page before, where there is one.",
    "next": "The page after, where there is one.",
    "last": "The last page.",
    "search": "A URI template (RFC 6570) with all that may be asked for.",
    "_embedded.item": "The items, whole, each with its own links; present when empty.",
}
TOKEN = {
    "access_token": "Send it as Authorization: Bearer.",
    "refresh_token": "Good for one new pair; spent twice, it ends the login.",
    "expires_in": "How long the access token lives, in seconds.",
    "me": "The account.",
    "refresh": "POST the refresh_token.",
    "logout": "DELETE ends the login.",
}
STATE = {
    "id": "The number it keeps for ever.",
    "name": "One line, 1 to 100 characters.",
    "description": "Up to 5000 characters.",
    "price": "Exact, in the currency that the home names.",
    "stock": "How many there are.",
    "created_at": "When it came, in UTC.",
    "updated_at": "When it last changed, in UTC.",
    "_etag": "Its version: what If-Match asks for.",
    "username": "3 to 80 letters, digits, dots, dashes and underscores; unique.",
    "email": "Unique.",
    "role": "customer or staff.",
    "disabled": "Whether staff have closed it.",
    "status": "placed, paid, shipped, delivered, cancelled or refunded.",
    "total": "What all items cost together, exact.",
    "currency": "By ISO 4217.",
    "reference": "Of the payment, once it is recorded.",
    "tracking": "Of the parcel, once it is shipped.",
    "items": "What was bought, with the name and the unit_price of then.",
    "history": "Each move: which, by whom, when.",
    "_embedded": "With embed=orders: the first page of the orders.",
}


def described(name: str, document: type[Document]) -> dict[str, Any]:
    state = {member: STATE[member] for member in document().fields if member in STATE}
    offered = {move.name: f"{move.title}." for move in moves(document.kind).values() if not move.begins}
    return {**state, **COMMON, **WAYS.get(name, {}), **offered}


TERMS = {
    "home": HOME,
    "collection": COLLECTION,
    **{name: described(name, document) for name, document in DOCUMENTS.items()},
    "token": TOKEN,
}


def alps(root: str) -> dict[str, Any]:
    """The same words for programs (ALPS): each state, and each move with what it takes."""
    states = [{"id": name, "type": "semantic", "doc": said(text)} for name, text in STATE.items()]
    things = [thing(name, document) for name, document in DOCUMENTS.items()]
    ways = [{"id": rel, "type": "safe", "doc": said(text)} for rel, text in navigation().items()]
    head = {"version": "1.0", "doc": said("Shop"), "link": [{"rel": "self", "href": f"{root}/profile"}]}
    return {"alps": {**head, "descriptor": [*states, *ways, *things]}}


def said(text: str) -> dict[str, str]:
    return {"value": text}


def navigation() -> dict[str, str]:
    """The rels that lead somewhere; those of the moves stand with what they move."""
    moved = {name for document in DOCUMENTS.values() for name in moves(document.kind)}
    words = {**HOME, **COLLECTION, **TOKEN, **COMMON, **WAYS["user"], **WAYS["order"]}
    return {
        rel: text for rel, text in words.items() if rel not in {*moved, *STATE, *DOCUMENTS, "_embedded.item"}
    }


def thing(name: str, document: type[Document]) -> dict[str, Any]:
    parts = [{"href": f"#{member}"} for member in document().fields if member in STATE]
    return {
        "id": name,
        "type": "semantic",
        "descriptor": [*parts, *(acted(name, each) for each in moves(document.kind).values())],
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
