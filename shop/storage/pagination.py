"""Pages of anything: by number for those who jump, by cursor for those who follow links.

A cursor says where the last page ended, so that any page costs the same as the first.
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
from sqlalchemy import Select, func, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from shop.model.errors import NotFound
from shop.model.fields import FullPattern, InputSchema, StrictInteger
from shop.storage.transactions import Context

MAX_PAGE = 1_000_000
MANY_ROWS = 2000  # of so many, those of a page are met soon enough on the way through their order
CURSOR_PATTERN = r"^~[A-Za-z0-9_\-]{1,1200}$"
NO_FILTERS = ("page", "per_page", "sort", "order", "fields")  # members of a search that leave out no row
NUMBER, AFTER, BEFORE, END = "number", "after", "before", "end"


class Cursor(NamedTuple):
    """A place between two rows of one order, the number of the page it leads to, and how many there are.

    They are counted on the page that somebody begins with, and not again: that would cost as much as there
    is to count, where a page that is reached by a link costs the same wherever it is.
    """

    way: str
    order: str
    number: int
    total: int | None = None
    value: Any = None
    id: int = 0

    @property
    def backward(self) -> bool:
        return self.way in (BEFORE, END)

    def __str__(self) -> str:
        return "~" + urlsafe_b64encode(orjson.dumps(list(self))).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, order: str, kind: type) -> "Cursor":
        try:
            cursor = cls(*orjson.loads(urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4))))
            value = (
                datetime.fromisoformat(cursor.value) if kind is datetime and cursor.value else cursor.value
            )
            if cursor.sound(order, kind, value):
                return cursor._replace(value=value)
        except (ValueError, TypeError):
            pass
        raise NotFound("There is no such page in this order of these things; begin at the first page.")

    def sound(self, order: str, kind: type, value: Any) -> bool:
        counts = (self.number, self.total or 0)
        numbers = all(type(each) is int and abs(each) <= 2**40 for each in counts) and counts[1] >= 0
        somewhere = type(self.id) is int and abs(self.id) < 2**63
        place = somewhere and type(value) is kind and "\0" not in str(value)
        bounded = not isinstance(value, int) or abs(value) < 2**63
        known = self.way in (AFTER, BEFORE, END) and self.order == order
        return numbers and known and (self.way == END or (place and bounded))


class PageField(fields.Field):
    """A number that a person may choose, or a cursor that came in a link."""

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
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_PAGE},
                {"type": "string", "pattern": CURSOR_PATTERN, "description": "A cursor; it comes in links."},
            ]
        },
    )
    per_page = StrictInteger(1, 100, load_default=20)


@dataclass(frozen=True)
class SortOrder:
    """By a column, and by id where that is equal, so that every row has one place."""

    column: InstrumentedAttribute[Any]
    id: InstrumentedAttribute[int]
    descending: bool = False
    filters: str = ""

    @property
    def name(self) -> str:
        """What a cursor belongs to: an order, and the filters of its search."""
        return f"{self.column.key}-{'desc' if self.descending else 'asc'}{self.filters}"

    def for_search(self, search: dict[str, Any]) -> "SortOrder":
        """The same order of what this search finds, so that no cursor is good for another one."""
        filters = {name: value for name, value in search.items() if name not in NO_FILTERS}
        if not filters:
            return self
        text = orjson.dumps(filters, option=orjson.OPT_SORT_KEYS, default=str)
        return replace(self, filters="-" + blake2b(text, digest_size=6).hexdigest())

    def slice(self, query: Select[Any], cursor: Cursor, per_page: int) -> Select[Any]:
        """The rows from the cursor on, in the direction it goes."""
        falling = self.descending != cursor.backward
        query = query.order_by(*(key.desc() if falling else key.asc() for key in (self.column, self.id)))
        if cursor.way == NUMBER:
            return query.offset((cursor.number - 1) * per_page)
        if cursor.way == END:
            return query
        here, there = tuple_(self.column, self.id), (cursor.value, cursor.id)
        return query.where(here < there if falling else here > there)

    def read(self, text: str) -> Cursor:
        return Cursor.read(text, self.name, self.column.type.python_type)

    def at(self, item: Any, way: str, number: int, total: int | None = None) -> Cursor:
        return Cursor(way, self.name, number, total, getattr(item, self.column.key), item.id)


@dataclass(frozen=True)
class Page:
    items: Sequence[Any]
    total: int
    number: int
    per_page: int
    last: Cursor
    next: Cursor | None = None
    prev: Cursor | None = None

    @property
    def pages(self) -> int:
        return ceil(self.total / self.per_page)


def build_count(query: Select[Any]) -> Select[Any]:
    return query.with_only_columns(func.count(), maintain_column_froms=True)


@dataclass(frozen=True)
class PageQueries:
    """What gives the rows that are sought, when they are few and when they are many; and counts them."""

    few: Select[Any]
    many: Select[Any]
    count: Select[Any]

    def rows(self, total: int) -> Select[Any]:
        return self.many if total > MANY_ROWS else self.few


def paginate(
    ctx: Context,
    query: Select[Any] | PageQueries,
    order: SortOrder,
    search: dict[str, Any],
    glance: Any = None,
) -> Page:
    """One page of a query: a number is counted off, a cursor is gone to."""
    page, per_page, order = search["page"], search["per_page"], order.for_search(search)
    cursor = order.read(page) if isinstance(page, str) else Cursor(NUMBER, order.name, page)
    known = cursor.total if cursor.way != END else None  # where its last page begins, must be true now
    found = query if isinstance(query, PageQueries) else PageQueries(query, query, build_count(query))
    total = ctx.rows(found.count)[0][0] if known is None else known
    limit = (total % per_page or per_page) if cursor.way == END else per_page
    sliced = order.slice(found.rows(total), cursor, per_page).limit(limit + 1)
    rows = [glance.of(row) for row in ctx.rows(sliced)] if glance else [*ctx.session.scalars(sliced)]
    more, items = len(rows) > limit, rows[:limit]
    if cursor.backward:
        items.reverse()
    number = ceil(total / per_page) if cursor.way == END else cursor.number
    before, after = (more, cursor.way == BEFORE) if cursor.backward else (number > 1, more)
    end = Cursor(END, order.name, 0, total)
    return Page(
        items=items,
        total=total,
        number=max(1, number),
        per_page=per_page,
        last=end,
        prev=(order.at(items[0], BEFORE, number - 1, total) if items else end) if before else None,
        next=order.at(items[-1], AFTER, number + 1, total) if after and items else None,
    )
