"""Unary methods: one for each move that the shop declares, and get, list, login, refresh, logout.

The .proto defines their requests and responses.
"""

from binascii import hexlify
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.status_pb2 import Status

from shop.domain.user import Credentials, Refresh, User
from shop.doors.grpc import shop_pb2 as pb
from shop.doors.grpc.errors import CallError, to_status
from shop.doors.grpc.messages import build_message, load_input, read_mask
from shop.doors.operations import (
    build_input_schema,
    build_move_call,
    log_in,
    parse_named_key,
)
from shop.doors.resources import RESOURCES
from shop.hypermedia.callers import build_anonymous_context, get_context
from shop.hypermedia.fingerprints import build_fingerprints
from shop.hypermedia.request import request_state
from shop.hypermedia.resources import Resource
from shop.model.errors import Invalid, NotFound
from shop.model.moves import Move, get_moves
from shop.runtime import get_signer
from shop.services import tokens
from shop.storage.execution import find_entity, perform_move
from shop.storage.idempotency import Idempotency, StoredAnswer
from shop.storage.transactions import Context

PROTOBUF, KEY_FIELD = "application/protobuf", "request_id"

UnaryMethod = Callable[[Message], Message]


def get_method_name(resource: Resource, move: Move) -> str:
    """Return the name of the method for a move."""
    verb = resource.get_verb(move)
    return verb[0].upper() + verb[1:] + resource.kind.__name__


def get_response_type(name: str) -> type[Message]:
    return getattr(pb, f"{name}Response")


def build_response_message(name: str, thing: Any, ctx: Context) -> Message:
    """Return the response of a method, with the thing in its only field if it has one."""
    kind = get_response_type(name)
    fields = {each.name: GetMessageClass(each.message_type) for each in kind.DESCRIPTOR.fields}
    return kind(**{name: build_message(part, thing, ctx) for name, part in fields.items()})


# ---- Moves


def handle_move(name: str, resource: Resource, move: Move, request: Message) -> Message:
    ctx = get_context()
    is_creation, schema = move.is_creation, build_input_schema(move)
    call = build_move_call(
        resource,
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


def get_account(ctx: Context, id: int) -> User:
    """Return an account; without an id, that of the caller."""
    return find_entity(ctx, User, id or (ctx.actor.id if ctx.actor else 0))


def handle_get_entity(name: str, resource: Resource, request: Message) -> Message:
    ctx = get_context()
    find_one = get_account if resource.kind is User else resource.find_one
    entity = find_one(ctx, request.id)
    return build_response_message(name, entity, ctx)


def handle_list_entities(name: str, resource: Resource, request: Message) -> Message:
    ctx = get_context()
    try:
        page = resource.find_page(ctx, load_input(resource.search(), request, ctx.currency))
    except NotFound as error:
        raise Invalid("Start again without this token.", errors={"page_token": [error.detail]}) from None
    message, kind = getattr(pb, resource.kind.__name__), get_response_type(name)
    response = kind(
        **{resource.plural: [build_message(message, each, ctx) for each in page.items]},
        next_page_token=str(page.next or ""),
        total_size=0 if request.page_token else page.total,
        has_more_than_total=not page.total_is_exact,
    )
    if "currency_code" in kind.DESCRIPTOR.fields_by_name:
        response.currency_code = ctx.currency
    return response


# ---- Login and logout


def handle_login(request: pb.LoginRequest) -> pb.LoginResponse:
    ctx = build_anonymous_context()  # an expired token must not prevent a login
    pair = log_in(ctx, load_input(Credentials(), request, ctx.currency))
    return build_token_response(pb.LoginResponse, pair)


def handle_refresh(request: pb.RefreshRequest) -> pb.RefreshResponse:
    ctx = build_anonymous_context()
    data = load_input(Refresh(), request, ctx.currency)
    return build_token_response(pb.RefreshResponse, tokens.refresh_tokens(ctx, get_signer(), **data))


def handle_logout(_: pb.LogoutRequest) -> pb.LogoutResponse:
    tokens.log_out(get_context())
    return pb.LogoutResponse()


def build_token_response(kind: Any, pair: tokens.TokenPair) -> Any:
    new_tokens = {"access_token": pair.access_token, "refresh_token": pair.refresh_token}
    return kind(**new_tokens, expires_in=pair.expires_in, user_id=pair.actor.id)


# ---- All of them


def get_resource_name(name: str, request: Message) -> str:
    """Return the entity that a call names, such as Product/7; NOT_FOUND reports it."""
    names = [each.kind.__name__ for each in RESOURCES if name.endswith(each.kind.__name__)]
    return f"{names[0]}/{request.id}" if names and hasattr(request, "id") else ""


def build_entity_methods(resource: Resource) -> dict[str, UnaryMethod]:
    """Return the methods of a resource: get, list, and each of its moves."""
    get_name, list_name = f"Get{resource.kind.__name__}", f"List{resource.plural.title()}"
    methods: dict[str, UnaryMethod] = {
        get_name: partial(handle_get_entity, get_name, resource),
        list_name: partial(handle_list_entities, list_name, resource),
    }
    for move in get_moves(resource.kind).values():
        name = get_method_name(resource, move)
        methods[name] = partial(handle_move, name, resource, move)
    return methods


def build_unary_methods(resources: Iterable[Resource]) -> dict[str, UnaryMethod]:
    """Return all unary methods; raise LookupError if shop.proto lacks one or has more."""
    methods: dict[str, UnaryMethod] = {
        "Login": handle_login,
        "Refresh": handle_refresh,
        "Logout": handle_logout,
    }
    for resource in resources:
        methods |= build_entity_methods(resource)
    declared = [each for service in pb.DESCRIPTOR.services_by_name.values() for each in service.methods]
    unary = {each.name for each in declared if not each.client_streaming and not each.server_streaming}
    if missing := sorted(methods.keys() - unary):
        raise LookupError(f"shop.proto has no {', '.join(missing)}")
    if unknown := sorted(unary - methods.keys()):
        names = ", ".join(unknown)
        raise LookupError(f"{names} of shop.proto: no handler; is its resource in doors/resources.py?")
    return methods


UNARY_METHODS = build_unary_methods(RESOURCES)
