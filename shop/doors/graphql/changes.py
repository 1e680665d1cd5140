"""Resolvers of the change feed, which is a connection."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLResolveInfo as Info

from shop.doors.graphql.resolvers import build_page_info
from shop.doors.operations import read_feed
from shop.model.errors import Invalid
from shop.services import changes as feed
from shop.storage.spans import check_span_size


@dataclass(frozen=True)
class ChangeSpan:
    """The changes after a cursor, with the attributes of a Span."""

    after: int
    first: int
    items: Sequence[Any]

    @property
    def has_more(self) -> bool:
        return len(self.items) == self.first

    @property
    def has_previous(self) -> bool:
        return self.after > 0

    def build_cursor(self, change: Any) -> str:
        return str(change.seq)


def resolve_changes(_: None, info: Info, first: int, after: str | None = None) -> ChangeSpan:
    ctx = info.context.ctx
    start = feed.find_newest_change(ctx) if after is None else parse_change_cursor(after)
    rows = read_feed(ctx, feed.read_changes, start, check_span_size(first))
    info.context.announce_rows(rows)
    return ChangeSpan(start, first, rows)


def parse_change_cursor(after: str) -> int:
    if not re.fullmatch(r"\d{1,18}", after, re.ASCII):
        raise Invalid("Start again without this cursor.", errors={"after": ["This is not a valid cursor."]})
    return int(after)


def build_change_page_info(span: ChangeSpan, info: Info) -> dict[str, Any]:
    """Return the page info; it always has an end cursor, even if there are no changes."""
    return build_page_info(span, info) | ({} if span.items else {"end_cursor": str(span.after)})


CHANGE_RESOLVERS = {"Query.changes": resolve_changes, "ChangeConnection.pageInfo": build_change_page_info}
