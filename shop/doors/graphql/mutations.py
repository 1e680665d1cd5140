"""Mutations: one for each move that the shop declares, and login, refresh and logout."""

from collections.abc import Callable
from functools import partial
from typing import Any

from graphql import GraphQLError
from graphql import GraphQLResolveInfo as Info

from shop.domain.order import Order
from shop.domain.user import Credentials, Refresh
from shop.doors.graphql.conversions import load_input, parse_id
from shop.doors.graphql.dataloader import DataLoader, GraphQLContext
from shop.doors.login_limits import limit_failed_logins
from shop.hypermedia.callers import find_address
from shop.hypermedia.etags import parse_tags
from shop.hypermedia.runtime import get_settings
from shop.model.entity import Entity
from shop.model.moves import Move, get_moves
from shop.runtime import get_signer
from shop.services import tokens
from shop.services.moves import ENTITY_TYPES, make_move
from shop.storage.execution import check_permission

# The mutation adds the entity to these names: updateProduct.
SHARED_MOVE_NAMES = ("create", "update", "delete")

PreparedMove = Callable[[], Any]


def get_mutation_name(kind: type[Entity], move: Move) -> str:
    """Return the name of the mutation for a move."""
    if kind is Order and move.is_creation:
        return "placeOrder"
    return move.name + kind.__name__ if move.name in SHARED_MOVE_NAMES else move.name


MOVE_OF_MUTATION = {
    get_mutation_name(kind, move): (kind, move) for kind in ENTITY_TYPES for move in get_moves(kind).values()
}


def prepare_move(context: GraphQLContext, name: str, args: dict[str, Any]) -> PreparedMove:
    """Check permission and input, and return a function that makes the move."""
    (kind, move), ctx = MOVE_OF_MUTATION[name], context.ctx
    id = () if move.is_creation else (parse_id(kind, args["id"]),)
    check_permission(ctx, kind, move.name, *id)
    data = load_input(move.takes(partial=move.name == "update"), args, context.currency)
    if move.is_creation:
        return partial(make_move, ctx, kind, move, data)
    return lambda: make_move(ctx, kind, move, data, *id, tags=parse_etag(args.get("etag")))


def parse_etag(etag: str | None) -> set[str] | None:
    """Return the versions that an etag allows; it may be quoted, as in HTTP, or bare."""
    if etag is not None:
        return parse_tags(etag if '"' in etag or etag == "*" else f'"{etag}"')
    if get_settings().require_if_match:
        raise GraphQLError(
            "Send the etag of the version that you change.", extensions={"code": "PRECONDITION_REQUIRED"}
        )
    return None


def build_mutation_resolver(name: str) -> Callable[..., Any]:
    def resolve(_: None, info: Info, **args: Any) -> Any:
        context: GraphQLContext = info.context
        context.loader = DataLoader()
        run = context.prepared_moves.pop(info.path.key, None) or prepare_move(context, name, args)
        return run()

    return resolve


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
