"""Load in one statement what all siblings of a list need, without asyncio.

A list announces its rows. The first of them that loads something loads it for all.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
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


@dataclass
class GraphQLContext:
    """What the resolvers of one request share."""

    ctx: Context
    variables: dict[str, Any]
    replayed_paths: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.currency = Currency(self.ctx.currency)
        self.forget_loaded()

    def forget_loaded(self) -> None:
        """Forget what was loaded, because a mutation may change it."""
        self.announced_ids: dict[type[Entity], dict[int, None]] = defaultdict(dict)
        self.loaded: dict[tuple[Any, ...], dict[int, Any]] = defaultdict(dict)

    def announce_rows(self, rows: Sequence[Any]) -> None:
        """Announce the rows of a list, and the entities whose ids they have."""
        for resource in RESOURCES if rows else ():
            reference, announced_ids = f"{resource.name}_id", self.announced_ids[resource.kind]
            if isinstance(rows[0], resource.kind):
                announced_ids.update((row.id, None) for row in rows)
            if hasattr(rows[0], reference):
                announced_ids.update((getattr(row, reference), None) for row in rows)

    def load(self, fetch: Fetch, kind: type[Entity], id: int, *args: Any) -> Any:
        """Return what `fetch` finds for this id; it is called once for all ids that were announced."""
        loaded = self.loaded[fetch, args]
        if id not in loaded:
            others = [each for each in self.announced_ids[kind] if each not in loaded and each != id]
            ids = iter([id, *others])
            while chunk := list(islice(ids, MAX_IDS_PER_QUERY)):
                loaded.update(fetch(self, chunk, *args))
        return loaded[id]

    def load_entity(self, kind: type[Entity], id: int) -> Entity | None:
        """Return an entity by its id; None if the caller may not see it."""
        return self.load(fetch_entities, kind, id, kind)


def fetch_entities(context: GraphQLContext, ids: list[int], kind: type[Entity]) -> dict[int, Entity | None]:
    return find_entities(context.ctx, kind, ids)
