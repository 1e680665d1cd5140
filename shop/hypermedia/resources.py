"""A resource: what the service offers of one kind of entity. Every door reads the list of resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select

from shop.model.entity import Entity
from shop.model.errors import Unauthenticated
from shop.model.moves import ANYONE, Move
from shop.storage.execution import find_entity
from shop.storage.pagination import Page, PageInput, SortOrder, paginate
from shop.storage.spans import Span, fetch_span
from shop.storage.transactions import Context

if TYPE_CHECKING:
    from shop.hypermedia.event_streams import EventStream
    from shop.hypermedia.representations import LinkedSchema, Representation

Search = dict[str, Any]


@dataclass(frozen=True, eq=False)  # compared by identity, so that they can be keys
class ChildList:
    """The part of a list that belongs to one entity, such as the orders of a user.

    The entity links to it, and embeds its first page if asked.
    """

    kind: type[Entity]
    _: KW_ONLY
    of: type[Entity]
    rel: str
    description: str
    list_page: Callable[[Context, int, Search], Page]
    search: type[PageInput] = PageInput
    listed_for: frozenset[str] = frozenset({ANYONE})


@dataclass(frozen=True)
class Embed:
    """What is linked, and held by the answer if the client asks for it."""

    find: Callable[[Context, Any], Any]  # one, a list, or None
    _: KW_ONLY
    kind: type[Entity] | None = None  # of what is found, if that is an entity
    schema: type[LinkedSchema] | None = None  # how it looks, if it is none


@dataclass(frozen=True)
class Monitor:
    """The paths at which the changes of a list, and of one entity, come as a stream of events."""

    of_list: str
    of_one: str  # with {id}


@dataclass(frozen=True, eq=False)  # compared by identity, so that they can be keys
class Resource:
    """Where the entities of a kind are found, how they look, and the use cases that are their own."""

    kind: type[Entity]
    _: KW_ONLY
    path: str
    description: str
    representation: type[Representation]
    search: type[PageInput] = PageInput
    select: Callable[[Context, Search], Select[Any]] | None = None  # all that are visible, if not given
    order: SortOrder | None = None  # by their ids, if not given
    list_page: Callable[[Context, Search], Page] | None = None  # if `select` is not enough
    open_stream: Callable[[Search], EventStream] | None = None  # of events, where a client asks for one
    open_one_stream: Callable[[int], EventStream] | None = None  # of the events of one entity
    monitor: Monitor | None = None
    list_span: Callable[[Context, Search, int, str | None], Span] | None = None
    get_one: Callable[[Context, int], Any] | None = None
    listed_for: frozenset[str] = frozenset({ANYONE})
    list_problems: tuple[int, ...] = ()  # that only this list may answer with
    shown_for: frozenset[str] = frozenset({ANYONE})
    child_lists: tuple[ChildList, ...] = ()  # of the list, below other entities
    embeds: Mapping[str, Embed] = field(default_factory=dict)  # linked entities, by their rels
    services: Mapping[str, Callable[..., Any]] = field(default_factory=dict)  # moves with a use case
    checks: Mapping[str, Callable[[Context, dict[str, Any]], object]] = field(
        default_factory=dict
    )  # of the input of moves, that ask others and so come before the transaction
    results: Mapping[str, type[Entity]] = field(default_factory=dict)  # moves that return another entity
    verbs: Mapping[str, str] = field(default_factory=dict)  # moves with another verb in GraphQL and gRPC

    @property
    def name(self) -> str:
        return self.kind.__name__.lower()

    @property
    def plural(self) -> str:
        return self.path.strip("/")

    @property
    def is_public(self) -> bool:
        return not self.kind.private

    def get_verb(self, move: Move) -> str:
        return self.verbs.get(move.name, move.name)

    def get_order(self) -> SortOrder:
        return self.order or SortOrder(self.kind.id, self.kind.id)

    def select_rows(self, ctx: Context, search: Search) -> Select[Any]:
        """Return the query for all entities that the caller may see and the search asks for."""
        if self.select:
            return self.select(ctx, search)
        if self.kind.private and ctx.is_anonymous:
            raise Unauthenticated("Log in first.")
        return ctx.select_visible(self.kind)

    def find_page(self, ctx: Context, search: Search) -> Page:
        if self.list_page:
            return self.list_page(ctx, search)
        return paginate(ctx, self.select_rows(ctx, search), self.get_order(), search)

    def find_span(self, ctx: Context, search: Search, first: int, after: str | None = None) -> Span:
        """Return a part of the list for GraphQL, which has no numbers of pages."""
        if self.list_span:
            return self.list_span(ctx, search, first, after)
        query, order = self.select_rows(ctx, search), self.get_order().for_search(search)
        return fetch_span(ctx.session, query, order, first, after)

    def find_one(self, ctx: Context, id: int) -> Any:
        return self.get_one(ctx, id) if self.get_one else find_entity(ctx, self.kind, id)
