"""Load in one statement what all siblings of a list need, without asyncio.

A list announces the ids that it holds. The first of them that loads something loads it for all.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from shop.model.entity import Base
from shop.model.money import Currency
from shop.storage.transactions import Context

MAX_IDS_PER_QUERY = 5000  # a statement may have only so many parameters

Fetch = Callable[..., dict[int, Any]]


class DataLoader:
    def __init__(self) -> None:
        self.announced_ids: dict[type[Base], dict[int, None]] = defaultdict(dict)
        self.loaded: dict[tuple[Any, ...], dict[int, Any]] = defaultdict(dict)

    def announce_ids(self, kind: type[Base], ids: Iterable[int]) -> None:
        self.announced_ids[kind].update(dict.fromkeys(ids))

    def load(self, fetch: Fetch, context: "GraphQLContext", kind: type[Base], id: int, *args: Any) -> Any:
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

    def announce_ids(self, kind: type[Base], ids: Iterable[int]) -> None:
        self.loader.announce_ids(kind, ids)

    def load(self, fetch: Fetch, kind: type[Base], id: int, *args: Any) -> Any:
        return self.loader.load(fetch, self, kind, id, *args)
