"""The entities whose moves every door offers, and one way to make a move."""

from collections.abc import Callable, Collection
from typing import Any

from shop.domain.order import Order
from shop.domain.product import Product
from shop.domain.user import User
from shop.model.entity import Entity
from shop.model.moves import Move
from shop.services import orders
from shop.storage.execution import MoveCall, make_called_move
from shop.storage.transactions import Context

ENTITY_TYPES: tuple[type[Entity], ...] = (Product, User, Order)
# The moves that take more than changing their entity.
OWN_SERVICES: dict[tuple[type[Entity], str], Callable[..., Any]] = {
    (Product, "buy"): orders.buy_product,
    (Order, "create"): orders.place_order,
}


def make_move(
    ctx: Context,
    kind: type[Entity],
    move: Move,
    data: dict[str, Any],
    id: int | None = None,
    tags: Collection[str] | None = None,
) -> Any:
    """Make a move: a new entity, an old one in a new state, or what the service of the move returns."""
    service = OWN_SERVICES.get((kind, move.name))
    call = MoveCall(
        kind=kind, move=move, id=id, load_input=lambda: data, read_tags=lambda: tags, service=service
    )
    return make_called_move(ctx, call, data)
