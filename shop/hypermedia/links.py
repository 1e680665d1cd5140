"""Links to moves and profiles."""

from collections.abc import Callable
from typing import Any

from shop.hypermedia.callers import get_context
from shop.hypermedia.negotiation import EVENT_STREAM
from shop.hypermedia.request import request_state
from shop.hypermedia.resources import Resource
from shop.hypermedia.url_scope import build_url
from shop.model.fields import InputSchema
from shop.model.moves import Move, find_available_moves

Node = dict[str, Any]
Links = dict[str, Node]

MOVE_METHODS = {"update": ("PUT", "PATCH"), "delete": ("DELETE",)}


def get_move_path(move: Move) -> str:
    """Return where a move is made, below the entity's own URL."""
    return "" if move.is_creation or move.name in MOVE_METHODS else f"/{move.name}"


def build_move_link(here: str, move: Move) -> Node:
    return {"href": here + get_move_path(move), "title": move.title}


def build_creation_links(
    resource: Resource, is_offered: Callable[[type[InputSchema]], bool] = lambda takes: True
) -> Links:
    """Return the links to the moves by which the caller may create an entity now."""
    here, moves = build_url(resource.path), find_available_moves(resource.kind, get_context().get_roles())
    return {move.name: build_move_link(here, move) for move in moves if is_offered(move.takes)}


def build_monitor_link(href: str) -> Node:
    """Return the link to a stream of events (RFC 5989 has registered the rel)."""
    return {"href": href, "type": EVENT_STREAM}


def build_profile_link(name: str) -> Node:
    return {"href": f"{request_state().root}/profile#{name}"}
