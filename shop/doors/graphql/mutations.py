"""Mutations: one for each move that the shop declares, and login, refresh and logout."""

from collections.abc import Callable, Iterable
from typing import Any

from graphql import GraphQLResolveInfo as Info

from shop.domain.user import Credentials, Refresh
from shop.doors.graphql.conversions import load_input, parse_id
from shop.doors.graphql.dataloader import GraphQLContext
from shop.doors.operations import build_input_schema, build_move_call, log_in
from shop.doors.resources import RESOURCES
from shop.hypermedia.resources import Resource
from shop.model.moves import Move, get_moves
from shop.runtime import get_signer
from shop.services import tokens
from shop.storage.execution import perform_move
from shop.storage.idempotency import Idempotency

# The mutation adds the entity to these names, and to verbs that a resource names: updateProduct, placeOrder.
SHARED_MOVE_NAMES = ("create", "update", "delete")


def get_mutation_name(resource: Resource, move: Move) -> str:
    """Return the name of the mutation for a move."""
    verb = resource.get_verb(move)
    is_shared = move.name in SHARED_MOVE_NAMES or move.name in resource.verbs
    return verb + resource.kind.__name__ if is_shared else verb


def list_mutations(resources: Iterable[Resource]) -> dict[str, tuple[Resource, Move]]:
    """Return the resource and the move of each mutation that makes a move."""
    return {
        get_mutation_name(resource, move): (resource, move)
        for resource in resources
        for move in get_moves(resource.kind).values()
    }


MOVE_OF_MUTATION = list_mutations(RESOURCES)


def perform_mutation(
    context: GraphQLContext,
    name: str,
    args: dict[str, Any],
    complete: Callable[[Any], Any] = lambda outcome: outcome,
    idempotency: Idempotency[Any] | None = None,
) -> Any:
    """Make the move of a mutation; `complete` turns its outcome into the answer."""
    context.forget_loaded()
    resource, move = MOVE_OF_MUTATION[name]
    call = build_move_call(
        resource,
        move,
        None if move.is_creation else parse_id(resource.kind, args["id"]),
        lambda: load_input(build_input_schema(move), args, context.currency),
        args.get("etag"),
    )
    return perform_move(context.ctx, call, complete, idempotency)


def resolve_login(_: None, info: Info, **args: Any) -> tokens.TokenPair:
    return log_in(info.context.ctx, load_input(Credentials(), args, info.context.currency))


def resolve_refresh(_: None, info: Info, **args: Any) -> tokens.TokenPair:
    refresh_token = load_input(Refresh(), args, info.context.currency)
    return tokens.refresh_tokens(info.context.ctx, get_signer(), **refresh_token)


def resolve_logout(_: None, info: Info) -> bool:
    tokens.log_out(info.context.ctx)
    return True


def build_mutation_resolvers(resources: Iterable[Resource]) -> dict[str, Callable[..., Any]]:
    def build_resolver(name: str) -> Callable[..., Any]:
        return lambda _, info, **args: perform_mutation(info.context, name, args)

    return {
        **{f"Mutation.{name}": build_resolver(name) for name in list_mutations(resources)},
        "Mutation.login": resolve_login,
        "Mutation.refresh": resolve_refresh,
        "Mutation.logout": resolve_logout,
    }
