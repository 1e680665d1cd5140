"""Load in one statement what all siblings of a list need, without asyncio.

A list announces its rows. The first of them that loads something loads it for all.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from shop.doors.resources import RESOURCES
from shop.model.entity import Entity
from shop.model.money import Currency
from shop.storage.execution import find_entities
from shop.storage.transactions import Context

MAX_IDS_PER_QUERY = 5000  # a statement may have only so many parameters

Fetch = Callable[..., dict[int, Any]]


class DataLoader:
    def __init__(self) -> None:
        self.announced_ids: dict[type[Entity], dict[int, None]] = defaultdict(dict)
        self.loaded: dict[tuple[Any, ...], dict[int, Any]] = defaultdict(dict)

    def announce_ids(self, kind: type[Entity], ids: Iterable[int]) -> None:
        self.announced_ids[kind].update(dict.fromkeys(ids))

    def load(self, fetch: Fetch, context: "GraphQLContext", kind: type[Entity], id: int, *args: Any) -> Any:
        """Return what `fetch` finds for this id; it is called once for all ids that were announced."""
        loaded = self.loaded[fetch, args]
        if id not in loaded:
            keys = iter(
                [id, *(other for other in self.announced_ids[kind] if other not in loaded and other != id)]
            )
            while chunk := list(islice(keys, MAX_IDS_PER_QUERY)):
                loaded.update(fetch(context, chunk, *args))
        return loaded[id]


@dataclass
class GraphQLContext:
    """What the resolvers of one request share."""

    ctx: Context
    variables: dict[str, Any]
    loader: DataLoader = field(default_factory=DataLoader)
    replayed_paths: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.currency = Currency(self.ctx.currency)

    def announce_rows(self, rows: Sequence[Any]) -> None:
        """Announce the rows of a list, and the entities whose ids they have."""
        for resource in RESOURCES if rows else ():
            reference = f"{resource.name}_id"
            if isinstance(rows[0], resource.kind):
                self.loader.announce_ids(resource.kind, (row.id for row in rows))
            if hasattr(rows[0], reference):
                self.loader.announce_ids(resource.kind, (getattr(row, reference) for row in rows))

    def load(self, fetch: Fetch, kind: type[Entity], id: int, *args: Any) -> Any:
        return self.loader.load(fetch, self, kind, id, *args)

    def load_entity(self, kind: type[Entity], id: int) -> Entity | None:
        """Return an entity by its id; None if the caller may not see it."""
        return self.load(fetch_entities, kind, id, kind)


def fetch_entities(context: GraphQLContext, ids: list[int], kind: type[Entity]) -> dict[int, Entity | None]:
    return find_entities(context.ctx, kind, ids)
