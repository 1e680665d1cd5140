"""A resource: what the service offers of one kind of entity. Every door reads the list of resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from shop.model.entity import Entity
from shop.model.moves import ANYONE
from shop.storage.execution import find_entity
from shop.storage.pagination import Page, PageInput, SortOrder, paginate
from shop.storage.transactions import Context

if TYPE_CHECKING:
    from shop.hypermedia.representations import Representation

ListPage = Callable[[Context, dict[str, Any]], Page]


@dataclass(frozen=True, eq=False)  # compared by identity, so that they can be keys
class Child:
    """A list that belongs to one entity; the entity links to it, and embeds its first page if asked."""

    kind: type[Entity]
    _: KW_ONLY
    rel: str
    description: str
    list_page: Callable[[Context, int, dict[str, Any]], Page]
    search: type[PageInput] = PageInput
    listed_for: frozenset[str] = frozenset({ANYONE})


@dataclass(frozen=True, eq=False)  # compared by identity, so that they can be keys
class Resource:
    """Where the entities of a kind are found, how they look, and the use cases that are their own."""

    kind: type[Entity]
    _: KW_ONLY
    path: str
    description: str
    representation: type[Representation]
    search: type[PageInput] = PageInput
    list_page: ListPage | None = None  # all of them, if it is not given
    get_one: Callable[[Context, int], Any] | None = None
    listed_for: frozenset[str] = frozenset({ANYONE})
    list_problems: tuple[int, ...] = ()  # that only this list may answer with
    shown_for: frozenset[str] = frozenset({ANYONE})
    has_field_selection: bool = False  # whether `fields` may choose some members
    children: tuple[Child, ...] = ()
    services: Mapping[str, Callable[..., Any]] = field(default_factory=dict)  # moves with a use case
    results: Mapping[str, type[Entity]] = field(default_factory=dict)  # moves that return another entity

    def __post_init__(self) -> None:
        if self.kind.private and self.list_page is None:
            raise TypeError(f"{self.name}: not everyone may see all of them, so it needs a list_page")

    @property
    def name(self) -> str:
        return self.kind.__name__.lower()

    @property
    def plural(self) -> str:
        return self.path.strip("/")

    @property
    def is_public(self) -> bool:
        return not self.kind.private

    def find_page(self, ctx: Context, search: dict[str, Any]) -> Page:
        if self.list_page:
            return self.list_page(ctx, search)
        return paginate(ctx, select(self.kind), SortOrder(self.kind.id, self.kind.id), search)

    def find_one(self, ctx: Context, id: int) -> Any:
        return self.get_one(ctx, id) if self.get_one else find_entity(ctx, self.kind, id)
