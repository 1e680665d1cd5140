"""What GraphQL and gRPC share: names, calls and lists of entities, and logging in.

A kind of entity in ENTITY_TYPES needs nothing here, unless its list has a search or a rule of visibility.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Select, select

from shop.domain.order import Order
from shop.domain.product import Product
from shop.domain.user import User
from shop.doors.login_limits import limit_failed_logins
from shop.hypermedia.callers import find_address
from shop.hypermedia.etags import parse_etag
from shop.hypermedia.fingerprints import parse_key
from shop.hypermedia.runtime import get_settings
from shop.model.entity import Entity
from shop.model.errors import Invalid, Unauthenticated
from shop.model.fields import InputSchema
from shop.model.moves import Move
from shop.runtime import get_signer
from shop.services import orders, products, tokens, users
from shop.services.catalogue import list_product_span
from shop.services.moves import OWN_SERVICES
from shop.storage.execution import MoveCall
from shop.storage.pagination import Page, PageInput, SortOrder, paginate
from shop.storage.spans import Span, fetch_span
from shop.storage.transactions import Context

# Moves whose operation has another verb than the move has as a name.
VERBS = {(Order, "create"): "place"}


def get_verb(kind: type[Entity], move: Move) -> str:
    return VERBS.get((kind, move.name), move.name)


def get_singular(kind: type[Entity]) -> str:
    """Return the name of one entity of a kind, such as product."""
    return kind.__name__.lower()


def get_plural(kind: type[Entity]) -> str:
    """Return the name of a list of a kind, such as products."""
    return kind.__tablename__


# ---- Moves


def build_input_schema(move: Move) -> InputSchema:
    """Return the input schema of a move; an update may leave out what stays."""
    return move.takes(partial=move.name == "update")


def build_move_call(
    kind: type[Entity], move: Move, id: int | None, load_input: Callable[[], dict[str, Any]], etag: str | None
) -> MoveCall:
    return MoveCall(
        kind=kind,
        move=move,
        id=id,
        load_input=load_input,
        read_tags=lambda: None if etag is None else parse_etag(etag),
        require_tags=get_settings().require_if_match,
        service=OWN_SERVICES.get((kind, move.name)),
    )


def parse_named_key(text: str, name: str) -> str:
    """Return an idempotency key; raise Invalid with the name of its argument if it is not a valid one."""
    if (key := parse_key(text)) is None:
        raise Invalid(
            "A key is one string of 1 to 255 plain characters.", errors={name: ["This is not a valid key."]}
        )
    return key


# ---- Lists


@dataclass(frozen=True)
class Listing:
    """The list of a kind of entity: its search, and how its pages and spans are read."""

    search: type[PageInput]
    list_page: Callable[[Context, dict[str, Any]], Page]
    list_span: Callable[[Context, dict[str, Any], int, str | None], Span]


def build_listing(
    search: type[PageInput],
    order: SortOrder,
    select_visible: Callable[[Context, dict[str, Any]], Select[Any]],
) -> Listing:
    """Return the list of what `select_visible` selects for a caller and a search."""

    def list_page(ctx: Context, filters: dict[str, Any]) -> Page:
        return paginate(ctx, select_visible(ctx, filters), order, filters)

    def list_span(ctx: Context, filters: dict[str, Any], first: int, after: str | None) -> Span:
        query = select_visible(ctx, filters)
        return fetch_span(ctx.session, query, order.for_search(filters), first, after)

    return Listing(search, list_page, list_span)


LISTINGS = {
    Product: Listing(products.ProductSearch, products.list_products, list_product_span),
    Order: build_listing(orders.OrderSearch, orders.NEWEST_FIRST, orders.select_visible_orders),
    User: build_listing(PageInput, users.BY_ID, lambda ctx, _: users.select_visible_users(ctx)),
}


def find_listing(kind: type[Entity]) -> Listing | None:
    """Return the list of a kind: by its line in LISTINGS, or else all entities in the order of their ids.

    None without a line if not everyone may see all of them.
    """
    if kind in LISTINGS or kind.is_visible is not Entity.is_visible:
        return LISTINGS.get(kind)
    return build_listing(PageInput, SortOrder(kind.id, kind.id), partial(select_all, kind))


def select_all(kind: type[Entity], ctx: Context, _: dict[str, Any]) -> Select[Any]:
    if kind.private and not ctx.actor:
        raise Unauthenticated("Log in first.")
    return select(kind)


# ---- Accounts


def log_in(ctx: Context, credentials: dict[str, Any]) -> tokens.TokenPair:
    """Log in, unless too many logins to this account or from this address have failed."""
    with limit_failed_logins(credentials["username"]):
        return tokens.log_in(ctx, get_signer(), find_address(), **credentials)
