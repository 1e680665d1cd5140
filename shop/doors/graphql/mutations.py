"""Mutations: one for each move that the shop declares, and login, refresh and logout."""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLResolveInfo as Info

from shop.domain.order import Order
from shop.domain.user import Credentials, Refresh
from shop.doors.graphql.conversions import load_input, parse_id
from shop.doors.graphql.dataloader import DataLoader, GraphQLContext
from shop.doors.operations import build_input_schema, build_move_call
from shop.doors.rate_limits import limit_failed_logins
from shop.doors.request_context import find_address, get_signer
from shop.model.entity import Entity
from shop.model.moves import Move, get_moves
from shop.services import tokens
from shop.services.moves import ENTITY_TYPES
from shop.storage.execution import perform_move
from shop.storage.idempotency import Idempotency

# The mutation adds the entity to these names: updateProduct.
SHARED_MOVE_NAMES = ("create", "update", "delete")


def get_mutation_name(kind: type[Entity], move: Move) -> str:
    """Return the name of the mutation for a move."""
    if kind is Order and move.is_creation:
        return "placeOrder"
    return move.name + kind.__name__ if move.name in SHARED_MOVE_NAMES else move.name


MOVE_OF_MUTATION = {
    get_mutation_name(kind, move): (kind, move) for kind in ENTITY_TYPES for move in get_moves(kind).values()
}


def perform_mutation(
    context: GraphQLContext,
    name: str,
    args: dict[str, Any],
    complete: Callable[[Any], Any] = lambda outcome: outcome,
    idempotency: Idempotency[Any] | None = None,
) -> Any:
    """Make the move of a mutation; `complete` turns its outcome into the answer."""
    context.loader = DataLoader()  # what was loaded before may have changed
    kind, move = MOVE_OF_MUTATION[name]
    call = build_move_call(
        kind,
        move,
        None if move.is_creation else parse_id(kind, args["id"]),
        lambda: load_input(build_input_schema(move), args, context.currency),
        args.get("etag"),
    )
    return perform_move(context.ctx, call, complete, idempotency)


def build_mutation_resolver(name: str) -> Callable[..., Any]:
    return lambda _, info, **args: perform_mutation(info.context, name, args)


def resolve_login(_: None, info: Info, **args: Any) -> tokens.TokenPair:
    ctx, credentials = info.context.ctx, load_input(Credentials(), args, info.context.currency)
    with limit_failed_logins(credentials["username"]):
        return tokens.log_in(ctx, get_signer(), find_address(), **credentials)


def resolve_refresh(_: None, info: Info, **args: Any) -> tokens.TokenPair:
    ctx = info.context.ctx
    return tokens.refresh_tokens(ctx, get_signer(), **load_input(Refresh(), args, info.context.currency))


def resolve_logout(_: None, info: Info) -> bool:
    tokens.log_out(info.context.ctx)
    return True


MUTATION_RESOLVERS = {
    **{name: build_mutation_resolver(name) for name in MOVE_OF_MUTATION},
    "login": resolve_login,
    "refresh": resolve_refresh,
    "logout": resolve_logout,
}
