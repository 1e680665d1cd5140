"""Pagination by page number and by cursor.

A cursor holds the position where the last page ended, so that every page costs the same as the first.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from math import ceil
from typing import Any, NamedTuple

import orjson
from marshmallow import ValidationError, fields, validate
from sqlalchemy import (
    Executable,
    Select,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute

from shop.model.errors import NotFound
from shop.model.fields import FullPattern, InputSchema, StrictInteger
from shop.storage.prepared_queries import PreparedQuery
from shop.storage.transactions import Context

MAX_PAGE, MAX_PER_PAGE = 1_000_000, 100
MAX_COUNT = 10_000  # rows that are counted; of more it is only said that they are more
UNKNOWN_SIZE = 200_000  # rows that a list may have where nothing is known of it
CURSOR_PATTERN = r"^~[A-Za-z0-9_\-]{1,1200}$"
NO_FILTERS = ("page", "per_page", "sort", "order", "fields")  # members of a search that leave out no row
NUMBER, AFTER, BEFORE, END = "number", "after", "before", "end"
BACKWARD = (BEFORE, END)


class Total(NamedTuple):
    """How many rows there are; of many, only that they are at least so many."""

    count: int
    is_exact: bool


class Cursor(NamedTuple):
    """A position between two rows of a sort order, with the number of its page and the total.

    The total is counted for the first page only and then carried in the cursor, because counting takes time
    in proportion to the total.
    """

    direction: str
    order: str
    number: int
    total: int | None = None
    value: Any = None
    id: int = 0
    is_exact: bool = True  # the total

    @property
    def carries_total(self) -> bool:
        """Whether the total need not be counted; where the last page begins depends on the present one."""
        return self.total is not None and self.direction != END

    @property
    def is_backward(self) -> bool:
        return self.direction in BACKWARD

    def __str__(self) -> str:
        return "~" + urlsafe_b64encode(orjson.dumps(list(self))).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str, order: str, kind: type) -> "Cursor":
        try:
            cursor = cls(*orjson.loads(urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4))))
            value = (
                datetime.fromisoformat(cursor.value) if kind is datetime and cursor.value else cursor.value
            )
            if cursor.is_valid(order, kind, value):
                return cursor._replace(value=value)
        except (ValueError, TypeError):
            pass
        raise NotFound("There is no such page of this search; start at the first page.")

    def is_valid(self, order: str, kind: type, value: Any) -> bool:
        counts = (self.number, self.total or 0)
        counts_are_valid = (
            all(type(count) is int and abs(count) <= 2**40 for count in counts) and counts[1] >= 0
        )
        id_is_valid = type(self.id) is int and abs(self.id) < 2**63
        position_is_valid = id_is_valid and type(value) is kind and "\0" not in str(value)
        value_is_bounded = not isinstance(value, int) or abs(value) < 2**63
        is_of_this_order = self.direction in (AFTER, BEFORE, END) and self.order == order
        return (
            counts_are_valid
            and is_of_this_order
            and type(self.is_exact) is bool
            and (self.direction == END or (position_is_valid and value_is_bounded))
        )


class PageField(fields.Field):
    """A page number, or a cursor from a link."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int | str:
        if type(value) is int:
            return validate.Range(1, MAX_PAGE)(value)
        if isinstance(value, str):
            return FullPattern(CURSOR_PATTERN, error="It must be a number, or come from a link.")(value)
        raise ValidationError("Not a valid page.")


class PageInput(InputSchema):
    page = PageField(
        load_default=1,
        metadata={
            "description": "The number of a page, or a cursor from a link.",
            "anyOf": [
                {"type": "integer", "format": "int32", "minimum": 1, "maximum": MAX_PAGE},
                {"type": "string", "pattern": CURSOR_PATTERN, "description": "A cursor; it comes in links."},
            ],
        },
    )
    per_page = StrictInteger(
        1, MAX_PER_PAGE, load_default=20, metadata={"description": "How many items a page has."}
    )


@dataclass(frozen=True)
class SortOrder:
    """A sort order by a column and then by id, so that every row has a unique position."""

    column: InstrumentedAttribute[Any]
    id: InstrumentedAttribute[int]
    descending: bool = False
    filters: str = ""

    @property
    def name(self) -> str:
        """What a cursor belongs to: an order, and the filters of its search."""
        return f"{self.column.key}-{'desc' if self.descending else 'asc'}{self.filters}"

    def for_search(self, search: dict[str, Any]) -> "SortOrder":
        """Return the same order for what this search finds, so that no cursor is good for another one."""
        filters = {name: value for name, value in search.items() if name not in NO_FILTERS}
        if not filters:
            return self
        text = orjson.dumps(filters, option=orjson.OPT_SORT_KEYS, default=str)
        return replace(self, filters="-" + blake2b(text, digest_size=6).hexdigest())

    def apply_cursor(self, query: Select[Any], cursor: Cursor, per_page: int) -> Select[Any]:
        """Return the query for the rows after the cursor, or before it if the cursor points backward."""
        position = (literal(cursor.value, self.column.type), literal(cursor.id, self.id.type))
        return self.apply_position(query, cursor.direction, position, (cursor.number - 1) * per_page)

    def apply_position(
        self, query: Select[Any], direction: str, cursor_position: tuple[Any, Any], offset: Any
    ) -> Select[Any]:
        """Return the query for the rows of a page; position and offset may be bound parameters."""
        is_descending = self.descending != (direction in BACKWARD)
        query = query.order_by(
            *(key.desc() if is_descending else key.asc() for key in (self.column, self.id))
        )
        if direction == NUMBER:
            return query.offset(offset)
        if direction == END:
            return query
        row_position, cursor_position = tuple_(self.column, self.id), tuple_(*cursor_position)
        return query.where(
            row_position < cursor_position if is_descending else row_position > cursor_position
        )

    def parse(self, text: str) -> Cursor:
        return Cursor.parse(text, self.name, self.column.type.python_type)

    def build_cursor(self, item: Any, direction: str, number: int, total: Total | None = None) -> Cursor:
        count, is_exact = total or (None, True)
        value = getattr(item, self.column.key)
        return Cursor(direction, self.name, number, count, value, item.id, bool(is_exact))


@dataclass(frozen=True)
class Page:
    items: Sequence[Any]
    total: int
    total_is_exact: bool
    number: int
    per_page: int
    last: Cursor
    next: Cursor | None = None
    prev: Cursor | None = None

    @property
    def pages(self) -> int:
        return ceil(self.total / self.per_page)


def build_count(query: Select[Any], bound: int | None = None) -> Select[Any]:
    """Return the query that counts rows up to a bound, because counting takes time in proportion to them."""
    bound = MAX_COUNT if bound is None else bound
    rows = query.with_only_columns(literal_column("1"), maintain_column_froms=True)
    return build_total(
        select(func.count()).select_from(rows.order_by(None).limit(bound + 1).subquery()), bound
    )


def build_total(count: Select[Any], bound: int | None = None) -> Select[Any]:
    """Return the query for a total, made of one that counts, up to a bound or all."""
    number = count.subquery().c[0]
    if bound is None:
        return select(number, true())
    return select(case((number > bound, bound), else_=number), number <= bound)


class PageQueries:
    """The queries of a page: for a small total, for a large total, and for counting."""

    count: PreparedQuery | Executable

    def __init__(self, if_few: Select[Any], if_many: Select[Any], count: Select[Any]) -> None:
        self.if_few, self.if_many, self.count = if_few, if_many, count

    def choose_query(self, is_many: bool) -> Select[Any]:
        return self.if_many if is_many else self.if_few

    def build_page_query(self, is_many: bool, order: SortOrder, direction: str) -> PreparedQuery | Executable:
        """Return the query of a page; its position, offset and limit are bound parameters."""
        position = (
            bindparam("position", type_=order.column.type),
            bindparam("position_id", type_=order.id.type),
        )
        query = order.apply_position(self.choose_query(is_many), direction, position, bindparam("offset"))
        return query.limit(bindparam("limit"))


class PreparedPageQueries(PageQueries):
    """The same, compiled once for all searches that have the same filters."""

    def __init__(self, queries: PageQueries) -> None:
        super().__init__(queries.if_few, queries.if_many, queries.count)
        self.count = PreparedQuery(queries.count)
        self.prepared: dict[tuple[Any, ...], PreparedQuery] = {}

    def build_page_query(self, is_many: bool, order: SortOrder, direction: str) -> PreparedQuery:
        key = is_many, order.column.key, order.descending, direction
        if key not in self.prepared:
            self.prepared[key] = PreparedQuery(super().build_page_query(is_many, order, direction))
        return self.prepared[key]


def is_scan_cheaper(total: int, wanted: int, size: int) -> bool:
    """Whether a scan in sort order finds the wanted rows sooner than sorting all that match.

    A scan looks at `size / total` rows for each one that matches.
    """
    return wanted * size < total * total


def paginate(
    ctx: Context,
    query: Select[Any] | PageQueries,
    order: SortOrder,
    search: dict[str, Any],
    row_type: Any = None,
    size: int = UNKNOWN_SIZE,
) -> Page:
    """Return one page of a query: page numbers use OFFSET, cursors a condition on the sort key.

    `size` is about how many rows there are without the filters of the search.
    """
    page, per_page, order = search["page"], search["per_page"], order.for_search(search)
    cursor = order.parse(page) if isinstance(page, str) else Cursor(NUMBER, order.name, page)
    known_total = Total(cursor.total, cursor.is_exact) if cursor.carries_total else None
    queries = query if isinstance(query, PageQueries) else PageQueries(query, query, build_count(query))
    total = known_total or Total._make(ctx.fetch_rows(queries.count, **search)[0])
    has_short_end = cursor.direction == END and total.is_exact
    limit = (total.count % per_page or per_page) if has_short_end else per_page
    offset = (cursor.number - 1) * per_page if cursor.direction == NUMBER else 0
    is_many = is_scan_cheaper(total.count, offset + limit, size)
    page_query = queries.build_page_query(is_many, order, cursor.direction)
    position = {"position": cursor.value, "position_id": cursor.id}
    values = {**search, **position, "offset": offset, "limit": limit + 1}
    rows = (
        [*map(row_type._make, ctx.fetch_rows(page_query, **values))]
        if row_type
        else [*ctx.session.scalars(page_query, values)]
    )
    has_more, items = len(rows) > limit, rows[:limit]
    if cursor.is_backward:
        items.reverse()
    number = ceil(total.count / per_page) if cursor.direction == END else cursor.number
    has_previous, has_next = (
        (has_more, cursor.direction == BEFORE) if cursor.is_backward else (number > 1, has_more)
    )
    last = Cursor(END, order.name, 0, total.count)
    return Page(
        items=items,
        total=total.count,
        total_is_exact=bool(total.is_exact),
        number=max(1, number),
        per_page=per_page,
        last=last,
        prev=(order.build_cursor(items[0], BEFORE, number - 1, total) if items else last)
        if has_previous
        else None,
        next=order.build_cursor(items[-1], AFTER, number + 1, total) if has_next and items else None,
    )
