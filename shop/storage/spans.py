"""Spans of a list after a cursor, for doors without page numbers, and batched reads of related rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload, lazyload

from shop.model.entity import Base
from shop.model.errors import Invalid, NotFound
from shop.storage.pagination import AFTER, NUMBER, Cursor, SortOrder, Total, build_count

MAX_SPAN = 100


@dataclass(frozen=True)
class Span:
    items: Sequence[Any]
    has_more: bool
    has_previous: bool
    order: SortOrder
    count_total: Callable[[], Total]

    def build_cursor(self, item: Any) -> str:
        return str(self.order.build_cursor(item, AFTER, 0))


def check_span_size(first: int) -> int:
    if not 1 <= first <= MAX_SPAN:
        bounds = f"must be between 1 and {MAX_SPAN}."
        raise Invalid(f"`first` {bounds}", errors={"first": [f"It {bounds}"]})
    return first


def parse_after_cursor(order: SortOrder, after: str | None) -> Cursor:
    try:
        return order.parse(after) if after is not None else Cursor(NUMBER, order.name, 1)
    except NotFound as error:
        raise Invalid(
            "The cursor is not valid; start again without it.", errors={"after": [error.detail]}
        ) from None


def fetch_span(
    session: Session, query: Select[Any], order: SortOrder, first: int, after: str | None = None,
    count: Select[Any] | None = None,
) -> Span:  # fmt: skip
    """Return the rows after a cursor without related rows, which `fetch_children` reads in batches."""
    page_query = (
        order.apply_cursor(query, parse_after_cursor(order, after), check_span_size(first))
        .options(lazyload("*"))
        .limit(first + 1)
    )
    rows = list(session.scalars(page_query))

    @cache
    def count_total() -> Total:
        return Total._make(session.execute(build_count(query) if count is None else count).one())

    return Span(rows[:first], len(rows) > first, after is not None, order, count_total)


def fetch_spans(
    session: Session, query: Select[Any], order: SortOrder, parent: Any, keys: Sequence[int], first: int,
    after: str | None = None,
) -> dict[int, Span]:  # fmt: skip
    """Return a span for each parent with one statement; the cursor applies to all of them."""
    child_query, id_order = (
        query.where(parent.in_(keys)),
        order.id.desc() if order.descending else order.id.asc(),
    )
    rank = func.row_number().over(partition_by=parent, order_by=id_order).label("rank")
    remaining = (
        order.apply_cursor(child_query, parse_after_cursor(order, after), check_span_size(first))
        .order_by(None)
        .offset(None)
    )
    ranked = remaining.with_only_columns(order.id, rank).subquery()
    rows = select(order.id.class_).join(ranked, ranked.c.id == order.id).where(ranked.c.rank <= first + 1)
    grouped = group_rows(session, rows.order_by(id_order), parent.key, keys)

    @cache
    def count_totals() -> dict[int, int]:
        return dict(
            session.execute(child_query.with_only_columns(parent, func.count()).group_by(parent)).all()
        )

    def build_span(key: int, rows: list[Any]) -> Span:
        return Span(
            rows[:first],
            len(rows) > first,
            after is not None,
            order,
            lambda: Total(count_totals().get(key, 0), is_exact=True),
        )

    return {key: build_span(key, rows) for key, rows in grouped.items()}


def fetch_children(
    session: Session, kind: type[Base], parent: str, keys: Sequence[int], order_by: Any, *with_: Any
) -> dict[int, list]:
    """Return the related rows of several parents with one statement, each with the relations `with_`."""
    query = select(kind).where(getattr(kind, parent).in_(keys)).order_by(order_by)
    return group_rows(session, query, parent, keys, *map(joinedload, with_))


def group_rows(
    session: Session, query: Select[Any], name: str, keys: Sequence[int], *options: Any
) -> dict[int, list[Any]]:
    grouped: dict[int, list[Any]] = {key: [] for key in keys}
    for row in session.scalars(query.options(lazyload("*"), *options)):
        grouped[getattr(row, name)].append(row)
    return grouped
