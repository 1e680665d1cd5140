"""What siblings ask for is fetched at once, without asyncio: a list announces whom it holds, and the first
of them that asks for something asks for all."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from shop.model.entity import Base
from shop.model.money import Currency
from shop.storage.transactions import Context

AT_ONCE = 5000  # what a statement may name

Fetch = Callable[..., dict[int, Any]]


class Batch:
    def __init__(self) -> None:
        self.announced: dict[type[Base], dict[int, None]] = defaultdict(dict)
        self.known: dict[tuple[Any, ...], dict[int, Any]] = defaultdict(dict)

    def announce(self, kind: type[Base], ids: Iterable[int]) -> None:
        self.announced[kind].update(dict.fromkeys(ids))

    def load(self, fetch: Fetch, ask: "Asking", kind: type[Base], id: int, *args: Any) -> Any:
        """What `fetch` finds for one of a kind; it is asked for all that were announced."""
        known = self.known[fetch, args]
        if id not in known:
            keys = iter([id, *(each for each in self.announced[kind] if each not in known and each != id)])
            while some := list(islice(keys, AT_ONCE)):
                known.update(fetch(ask, some, *args))
        return known[id]


@dataclass
class Asking:
    """One request on its way through the schema."""

    ctx: Context
    variables: dict[str, Any]
    batch: Batch = field(default_factory=Batch)
    ready: dict[Any, Callable[[], Any]] = field(default_factory=dict)
    replayed: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.currency = Currency(self.ctx.currency)

    def announce(self, kind: type[Base], ids: Iterable[int]) -> None:
        self.batch.announce(kind, ids)

    def load(self, fetch: Fetch, kind: type[Base], id: int, *args: Any) -> Any:
        return self.batch.load(fetch, self, kind, id, *args)
