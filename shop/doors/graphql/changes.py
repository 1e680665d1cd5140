"""The feed of changes as a connection."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLResolveInfo as Info

from shop.domain.product import Product
from shop.doors.graphql.fields import edges, page, products_of
from shop.model.errors import Invalid, NotFound
from shop.services import changes as feed
from shop.storage.spans import check_first


@dataclass(frozen=True)
class Turn:
    """What came after a cursor of the feed."""

    after: int
    first: int
    items: Sequence[Any]

    @property
    def more(self) -> bool:
        return len(self.items) == self.first

    @property
    def begun(self) -> bool:
        return self.after > 0

    def cursor(self, change: Any) -> str:
        return str(change.seq)


def changes(_: None, info: Info, first: int, after: str | None = None) -> Turn:
    ctx = info.context.ctx
    begin = feed.find_newest_change(ctx) if after is None else counted(after)
    try:
        found = feed.read_changes(ctx, begin, check_first(first))
    except NotFound as error:
        raise Invalid("Begin anew.", errors={"after": [error.detail]}) from None
    info.context.announce(Product, (change.product_id for change in found))
    return Turn(begin, first, found)


def counted(after: str) -> int:
    if not re.fullmatch(r"\d{1,18}", after, re.ASCII):
        raise Invalid("Begin anew.", errors={"after": ["This cursor was never given out."]})
    return int(after)


def ends(turn: Turn, info: Info) -> dict[str, Any]:
    """There is always a cursor to go on from, though nothing came."""
    return page(turn, info) | ({} if turn.items else {"end_cursor": str(turn.after)})


FEED = {
    "Query.changes": changes,
    "Change.productId": lambda change, _: f"Product:{change.product_id}",
    "Change.product": lambda change, info: info.context.load(products_of, Product, change.product_id),
    "ChangeConnection.edges": edges,
    "ChangeConnection.nodes": lambda turn, _: turn.items,
    "ChangeConnection.pageInfo": ends,
}
