"""Unary methods: one for each move that the shop declares, and get, list, login, refresh, logout.

The .proto defines their requests and responses.
"""

from binascii import hexlify
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.status_pb2 import Status

from shop.domain.order import Order
from shop.domain.product import Product
from shop.domain.user import Credentials, Refresh, User
from shop.doors.grpc import shop_pb2 as pb
from shop.doors.grpc.errors import CallError, to_status
from shop.doors.grpc.messages import build_message, load_input, read_mask
from shop.doors.operations import build_input_schema, build_move_call, parse_named_key
from shop.doors.rate_limits import limit_failed_logins
from shop.doors.request_context import (
    anonymous_context,
    build_fingerprints,
    find_address,
    get_context,
    get_signer,
)
from shop.hypermedia.request import request_state
from shop.model.entity import Entity
from shop.model.errors import Invalid, NotFound
from shop.model.moves import Move, get_moves
from shop.services import orders, products, tokens, users
from shop.services.moves import ENTITY_TYPES
from shop.storage.execution import find_entity, perform_move
from shop.storage.idempotency import Idempotency, StoredAnswer
from shop.storage.pagination import Page, PageInput
from shop.storage.transactions import Context

PROTOBUF, KEY_FIELD = "application/protobuf", "request_id"

UnaryMethod = Callable[[Message], Message]


def get_method_name(kind: type[Entity], move: Move) -> str:
    """Return the name of the method for a move."""
    return "PlaceOrder" if kind is Order and move.is_creation else move.name.title() + kind.__name__


def get_response_type(name: str) -> type[Message]:
    return getattr(pb, f"{name}Response")


def build_response_message(name: str, thing: Any, ctx: Context) -> Message:
    """Return the response of a method, with the thing in its only field if it has one."""
    kind = get_response_type(name)
    return kind(
        **{
            each.name: build_message(GetMessageClass(each.message_type), thing, ctx)
            for each in kind.DESCRIPTOR.fields
        }
    )


# ---- Moves


def handle_move(name: str, kind: type[Entity], move: Move, request: Message) -> Message:
    ctx = get_context()
    is_creation, schema = move.is_creation, build_input_schema(move)
    call = build_move_call(
        kind,
        move,
        None if is_creation else request.id,
        lambda: load_input(schema, request, ctx.currency, read_mask(request, schema)),
        None if is_creation else request.etag or None,
    )
    return perform_move(
        ctx,
        call,
        lambda outcome: build_response_message(name, outcome, ctx),
        build_idempotency(name, [request]),
    )


def build_idempotency(name: str, requests: Sequence[Message]) -> Idempotency[Message]:
    """Return how a call is repeated; the request_id of its first message is the key."""

    def restore(answer: StoredAnswer) -> Message:
        request_state().is_replayed = answer.replayed
        if answer.status == 200:
            return get_response_type(name).FromString(answer.body)
        raise CallError(Status.FromString(answer.body))

    key = requests[0].request_id if requests else ""
    return Idempotency(
        read_key=lambda: parse_named_key(key, KEY_FIELD) if key else None,
        compute_fingerprints=lambda: compute_call_fingerprints(name, requests),
        store=lambda response: StoredAnswer(200, response.SerializeToString(), PROTOBUF),
        store_refusal=lambda error: StoredAnswer(409, to_status(error).SerializeToString(), PROTOBUF),
        restore=restore,
    )


def compute_call_fingerprints(name: str, requests: Sequence[Message]) -> tuple[str, ...]:
    """Return fingerprints of the messages; the request_id in them does no harm, as it is the same."""
    contents = [each.SerializeToString(deterministic=True) for each in requests]
    return build_fingerprints(b"grpc", name.encode(), *map(hexlify, contents))


# ---- Get and list


def handle_get_entity(name: str, kind: type[Entity], request: Message) -> Message:
    ctx = get_context()
    if kind is Product:
        return build_response_message(name, products.get_product(ctx, request.id), ctx)
    id = ctx.actor.id if ctx.actor and kind is User and not request.id else request.id
    return build_response_message(name, find_entity(ctx, kind, id), ctx)


LIST_SERVICES: dict[type[Entity], tuple[type[PageInput], Callable[[Context, dict[str, Any]], Page]]] = {
    Product: (products.ProductSearch, products.list_products),
    Order: (orders.OrderSearch, orders.list_orders),
    User: (PageInput, users.list_users),
}


def handle_list_entities(name: str, kind: type[Entity], request: Message) -> Message:
    ctx, (schema, list_page) = get_context(), LIST_SERVICES[kind]
    try:
        page = list_page(ctx, load_input(schema(), request, ctx.currency))
    except NotFound as error:
        raise Invalid("Start again without this token.", errors={"page_token": [error.detail]}) from None
    message = getattr(pb, kind.__name__)
    return get_response_type(name)(
        **{f"{kind.__name__.lower()}s": [build_message(message, each, ctx) for each in page.items]},
        next_page_token=str(page.next or ""),
        total_size=0 if request.page_token else page.total,
    )


# ---- Login and logout


def handle_login(request: pb.LoginRequest) -> pb.LoginResponse:
    ctx = anonymous_context()  # an expired token must not prevent a login
    credentials = load_input(Credentials(), request, ctx.currency)
    with limit_failed_logins(credentials["username"]):
        return build_token_response(
            pb.LoginResponse, tokens.log_in(ctx, get_signer(), find_address(), **credentials)
        )


def handle_refresh(request: pb.RefreshRequest) -> pb.RefreshResponse:
    ctx = anonymous_context()
    data = load_input(Refresh(), request, ctx.currency)
    return build_token_response(pb.RefreshResponse, tokens.refresh_tokens(ctx, get_signer(), **data))


def handle_logout(_: pb.LogoutRequest) -> pb.LogoutResponse:
    tokens.log_out(get_context())
    return pb.LogoutResponse()


def build_token_response(kind: Any, pair: tokens.TokenPair) -> Any:
    new_tokens = {"access_token": pair.access_token, "refresh_token": pair.refresh_token}
    return kind(**new_tokens, expires_in=pair.expires_in, user_id=pair.actor.id)


def get_resource_name(name: str, request: Message) -> str:
    """Return the entity that a call names, such as Product/7; NOT_FOUND reports it."""
    names = [kind.__name__ for kind in ENTITY_TYPES if name.endswith(kind.__name__)]
    return f"{names[0]}/{request.id}" if names and hasattr(request, "id") else ""


def iterate_methods() -> Iterator[tuple[str, UnaryMethod]]:
    for kind in ENTITY_TYPES:
        for move in get_moves(kind).values():
            yield get_method_name(kind, move), partial(handle_move, get_method_name(kind, move), kind, move)
        yield f"Get{kind.__name__}", partial(handle_get_entity, f"Get{kind.__name__}", kind)
        yield f"List{kind.__name__}s", partial(handle_list_entities, f"List{kind.__name__}s", kind)
    yield from {"Login": handle_login, "Refresh": handle_refresh, "Logout": handle_logout}.items()


UNARY_METHODS = dict(iterate_methods())
