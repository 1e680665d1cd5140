"""A mutation for every move that the shop declares, and for coming and going."""

from collections.abc import Callable
from functools import partial
from typing import Any

from graphql import GraphQLError
from graphql import GraphQLResolveInfo as Info

from shop.domain.order import Order
from shop.domain.product import Product
from shop.domain.user import Credentials, Refresh, User
from shop.doors.graphql.batch import Asking, Batch
from shop.doors.graphql.words import number, shaped
from shop.doors.quota import limit_failed_logins
from shop.doors.web import address, settings, signer, versions
from shop.model.entity import Entity
from shop.model.moves import Move, get_moves
from shop.services import orders, tokens
from shop.storage.execution import check_permission, create, execute

KINDS: tuple[type[Entity], ...] = (Product, User, Order)
OWN: dict[str, Callable[..., Any]] = {"buy": orders.buy_product, "placeOrder": orders.place_order}
SHARED = ("create", "update", "delete")  # words that say which kind they are about

Act = Callable[[], Any]


def named(kind: type[Entity], move: Move) -> str:
    """The mutation that makes a move."""
    if kind is Order and move.begins:
        return "placeOrder"
    return move.name + kind.__name__ if move.name in SHARED else move.name


MOVES = {named(kind, move): (kind, move) for kind in KINDS for move in get_moves(kind).values()}


def prepared(ask: Asking, name: str, args: dict[str, Any]) -> Act:
    """A move that only has to be made: the caller may make it some time, and the words have their shape."""
    (kind, move), ctx = MOVES[name], ask.ctx
    id = () if move.begins else (number(kind, args["id"]),)
    check_permission(ctx, kind, move.name, *id)
    data = shaped(move.takes(partial=move.name == "update"), args, ask.currency)
    if move.begins:
        make = OWN.get(name) or partial(usual_beginning, kind, move)
        return lambda: make(ctx, data)
    make = OWN.get(name) or partial(usual, kind, move)
    return lambda: make(ctx, *id, data, tags(args.get("etag")))


def usual(kind: type[Entity], move: Move, ctx: Any, id: int, data: dict[str, Any], tags: Any) -> Any:
    return execute(ctx, kind, id, move.name, data, tags)


def usual_beginning(kind: type[Entity], move: Move, ctx: Any, data: dict[str, Any]) -> Any:
    return create(ctx, kind, move.name, data)


def tags(said: str | None) -> set[str] | None:
    """The versions that an etag allows, quoted as over HTTP or bare."""
    if said is not None:
        return versions(said if '"' in said or said == "*" else f'"{said}"')
    if settings().require_if_match:
        raise GraphQLError(
            "Say which version you change: its etag.", extensions={"code": "PRECONDITION_REQUIRED"}
        )
    return None


def resolver(name: str) -> Callable[..., Any]:
    def resolve(_: None, info: Info, **args: Any) -> Any:
        ask: Asking = info.context
        ask.batch = Batch()
        act = ask.ready.pop(info.path.key, None) or prepared(ask, name, args)
        return act()

    return resolve


def login(_: None, info: Info, **args: Any) -> tokens.TokenPair:
    ctx, words = info.context.ctx, shaped(Credentials(), args, info.context.currency)
    with limit_failed_logins(words["username"]):
        return tokens.log_in(ctx, signer(), address(), **words)


def refresh(_: None, info: Info, **args: Any) -> tokens.TokenPair:
    ctx = info.context.ctx
    return tokens.refresh_tokens(ctx, signer(), **shaped(Refresh(), args, info.context.currency))


def logout(_: None, info: Info) -> bool:
    tokens.log_out(info.context.ctx)
    return True


MUTATIONS = {**{name: resolver(name) for name in MOVES}, "login": login, "refresh": refresh, "logout": logout}
