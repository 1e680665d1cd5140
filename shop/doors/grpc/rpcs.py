"""What answers each call that is one message for another: a call for every move that the shop declares,
and the few that are no moves. Which message it answers with, the .proto says."""

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
from shop.doors.grpc.errors import Refusal, Required, told
from shop.doors.grpc.words import UPDATE, masked, said, shaped
from shop.doors.quota import limit_failed_logins
from shop.doors.web import address, anonymous, context, fingerprints, plain_key, settings, signer, versions
from shop.hypermedia.request import request_state
from shop.model.entity import Entity
from shop.model.errors import DomainError, Invalid, NotFound
from shop.model.moves import Move, get_moves
from shop.services import orders, products, tokens, users
from shop.storage.execution import check_permission, create, execute, find_entity
from shop.storage.idempotency import StoredAnswer, execute_once
from shop.storage.pagination import Page, PageInput
from shop.storage.transactions import Context

KINDS: tuple[type[Entity], ...] = (Product, User, Order)
OWN: dict[str, Callable[..., Any]] = {"BuyProduct": orders.buy_product, "PlaceOrder": orders.place_order}
PROTOBUF = "application/protobuf"

Rpc = Callable[[Message], Message]


def named(kind: type[Entity], move: Move) -> str:
    """The call that makes a move."""
    return "PlaceOrder" if kind is Order and move.begins else move.name.title() + kind.__name__


def answers(name: str) -> type[Message]:
    return getattr(pb, f"{name}Response")


def respond(name: str, thing: Any, ctx: Context) -> Message:
    """The answer of a call: the thing in the only field that it has, or nothing."""
    kind = answers(name)
    return kind(
        **{each.name: said(GetMessageClass(each.message_type), thing, ctx) for each in kind.DESCRIPTOR.fields}
    )


# ---- Moves


def make(name: str, kind: type[Entity], move: Move, request: Message) -> Message:
    ctx, id = context(), () if move.begins else (request.id,)
    check_permission(ctx, kind, move.name, *id)
    act = prepared(ctx, name, kind, move, request)
    return keyed(ctx, name, [request], lambda: respond(name, act(), ctx))


def prepared(ctx: Context, name: str, kind: type[Entity], move: Move, request: Message) -> Callable[[], Any]:
    """A move that only has to be made: its words have their shape."""
    shape = move.takes(partial=move.name == "update")
    names = masked(request, shape) if UPDATE in request.DESCRIPTOR.fields_by_name else None
    data = shaped(shape, request, ctx.currency, names)
    if move.begins:
        return partial(OWN.get(name) or partial(create, kind=kind, name=move.name), ctx, data=data)
    own = OWN.get(name) or partial(execute, kind=kind, name=move.name)
    return partial(own, ctx, id=request.id, data=data, tags=tags(request.etag))


def tags(etag: str) -> set[str] | None:
    """The versions that an etag allows, quoted as over HTTP or bare."""
    if etag:
        return versions(etag if '"' in etag or etag == "*" else f'"{etag}"')
    if settings().require_if_match:
        raise Required("Say which version you change.", errors={"etag": ["It is missing."]})
    return None


def keyed(ctx: Context, name: str, words: Sequence[Message], act: Callable[[], Message]) -> Message:
    """Under a request_id it is done once, and whoever asks again gets the answer that it gave."""
    if not words or not words[0].request_id:
        return act()
    if (key := plain_key(words[0].request_id)) is None:
        flaw = "It is one string of 1 to 255 plain characters."
        raise Invalid("Some fields are not as they must be.", errors={"request_id": [flaw]})
    answer = execute_once(
        ctx, key, call_fingerprints(name, words), lambda: kept(act()), lambda error: refused(error)
    )
    request_state().is_replayed = answer.replayed
    if answer.status == 200:
        return answers(name).FromString(answer.body)
    raise Refusal(Status.FromString(answer.body))


def kept(response: Message) -> StoredAnswer:
    return StoredAnswer(200, response.SerializeToString(), PROTOBUF)


def refused(error: DomainError) -> StoredAnswer:
    return StoredAnswer(409, told(error).SerializeToString(), PROTOBUF)


def call_fingerprints(name: str, words: Sequence[Message]) -> tuple[str, ...]:
    """What makes a request the same request: all that it says, but for its key, which is the same anyway."""
    said = [each.SerializeToString(deterministic=True) for each in words]
    return fingerprints(b"grpc", name.encode(), *map(hexlify, said))


# ---- Looking


def look(name: str, kind: type[Entity], request: Message) -> Message:
    ctx = context()
    if kind is Product:
        return respond(name, products.get_product(ctx, request.id), ctx)
    own = ctx.actor.id if ctx.actor and kind is User and not request.id else request.id
    return respond(name, find_entity(ctx, kind, own), ctx)


LISTS: dict[type[Entity], tuple[type[PageInput], Callable[[Context, dict[str, Any]], Page]]] = {
    Product: (products.ProductSearch, products.list_products),
    Order: (orders.OrderSearch, orders.list_orders),
    User: (PageInput, users.list_users),
}


def listed(name: str, kind: type[Entity], request: Message) -> Message:
    ctx, (shape, browse) = context(), LISTS[kind]
    try:
        page = browse(ctx, shaped(shape(), request, ctx.currency))
    except NotFound as error:
        raise Invalid("Begin anew.", errors={"page_token": [error.detail]}) from None
    message = getattr(pb, kind.__name__)
    return answers(name)(
        **{f"{kind.__name__.lower()}s": [said(message, each, ctx) for each in page.items]},
        next_page_token=str(page.next or ""),
        total_size=0 if request.page_token else page.total,
    )


# ---- Coming and going


def login(request: pb.LoginRequest) -> pb.LoginResponse:
    ctx = anonymous()  # a stale token keeps nobody from getting a new one
    words = shaped(Credentials(), request, ctx.currency)
    with limit_failed_logins(words["username"]):
        return pair(pb.LoginResponse, tokens.log_in(ctx, signer(), address(), **words))


def refresh(request: pb.RefreshRequest) -> pb.RefreshResponse:
    ctx = anonymous()
    words = shaped(Refresh(), request, ctx.currency)
    return pair(pb.RefreshResponse, tokens.refresh_tokens(ctx, signer(), **words))


def logout(_: pb.LogoutRequest) -> pb.LogoutResponse:
    tokens.log_out(context())
    return pb.LogoutResponse()


def pair(kind: Any, made: tokens.TokenPair) -> Any:
    words = {"access_token": made.access_token, "refresh_token": made.refresh_token}
    return kind(**words, expires_in=made.expires_in, user_id=made.actor.id)


def resource(name: str, request: Message) -> str:
    """What a call is about, for those who hear that there is no such thing."""
    kinds = [kind.__name__ for kind in KINDS if name.endswith(kind.__name__)]
    return f"{kinds[0]}/{request.id}" if kinds and hasattr(request, "id") else ""


def every() -> Iterator[tuple[str, Rpc]]:
    for kind in KINDS:
        for move in get_moves(kind).values():
            yield named(kind, move), partial(make, named(kind, move), kind, move)
        yield f"Get{kind.__name__}", partial(look, f"Get{kind.__name__}", kind)
        yield f"List{kind.__name__}s", partial(listed, f"List{kind.__name__}s", kind)
    yield from {"Login": login, "Refresh": refresh, "Logout": logout}.items()


RPCS = dict(every())
