"""Spans of a list, from a cursor on, for doors that number no pages; and lists of many at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, lazyload

from shop.model.entity import Base
from shop.model.errors import Invalid, NotFound
from shop.storage.pagination import AFTER, NUMBER, Cursor, SortOrder, build_count

LARGEST = 100


@dataclass(frozen=True)
class Span:
    items: Sequence[Any]
    has_next: bool
    has_previous: bool
    order: SortOrder
    total: Callable[[], int]

    def cursor(self, item: Any) -> str:
        return str(self.order.at(item, AFTER, 0))


def check_first(first: int) -> int:
    if not 1 <= first <= LARGEST:
        raise Invalid("Ask for fewer.", errors={"first": [f"It must be 1 to {LARGEST}."]})
    return first


def parse_after(order: SortOrder, after: str | None) -> Cursor:
    try:
        return order.read(after) if after is not None else Cursor(NUMBER, order.name, 1)
    except NotFound as error:
        raise Invalid("Begin anew.", errors={"after": [error.detail]}) from None


def fetch_span(
    session: Session, query: Select[Any], order: SortOrder, first: int, after: str | None = None,
    count: Select[Any] | None = None,
) -> Span:  # fmt: skip
    """The rows after a cursor; what belongs to them is fetched when it is asked for, by `of_many`."""
    sliced = (
        order.slice(query, parse_after(order, after), check_first(first))
        .options(lazyload("*"))
        .limit(first + 1)
    )
    rows = list(session.scalars(sliced))

    def total() -> int:
        return session.scalar(build_count(query) if count is None else count) or 0

    return Span(rows[:first], len(rows) > first, after is not None, order, total)


def fetch_spans(
    session: Session, query: Select[Any], order: SortOrder, parent: Any, keys: Sequence[int], first: int,
    after: str | None = None,
) -> dict[int, Span]:  # fmt: skip
    """A span for each parent, in one statement; the cursor is a place in the order that all share."""
    mine, falling = query.where(parent.in_(keys)), order.id.desc() if order.descending else order.id.asc()
    rank = func.row_number().over(partition_by=parent, order_by=falling).label("rank")
    rest = order.slice(mine, parse_after(order, after), check_first(first)).order_by(None).offset(None)
    ranked = rest.with_only_columns(order.id, rank).subquery()
    rows = select(order.id.class_).join(ranked, ranked.c.id == order.id).where(ranked.c.rank <= first + 1)
    found = group_rows(session, rows.order_by(falling), parent.key, keys)

    @cache
    def totals() -> dict[int, int]:
        return dict(session.execute(mine.with_only_columns(parent, func.count()).group_by(parent)).all())

    def one(key: int, rows: list[Any]) -> Span:
        return Span(rows[:first], len(rows) > first, after is not None, order, lambda: totals().get(key, 0))

    return {key: one(key, rows) for key, rows in found.items()}


def fetch_children(
    session: Session, kind: type[Base], parent: str, keys: Sequence[int], by: Any
) -> dict[int, list]:
    """What belongs to each of many, in one statement."""
    query = select(kind).where(getattr(kind, parent).in_(keys)).order_by(by)
    return group_rows(session, query, parent, keys)


def group_rows(session: Session, query: Select[Any], name: str, keys: Sequence[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {key: [] for key in keys}
    for row in session.scalars(query.options(lazyload("*"))):
        found[getattr(row, name)].append(row)
    return found
