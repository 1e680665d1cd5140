"""The JSON of single rows, kept for all the pages that show them.

How a row looks depends on the row, the render context and the roles of the caller. All of these are the
key, so nothing that is kept here can be stale. What looks at more than these is not kept.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any

import orjson

from shop.storage.recorded_queries import Recording

MAX_BYTES = 8 * 1024 * 1024  # of rows, their JSON and what each takes beside them
OVERHEAD = 1000


class FragmentCache:
    def __init__(self) -> None:
        self.known: dict[tuple[Any, ...], bytes] = {}
        self.size = 0
        self.lock = Lock()  # of changes; looking a fragment up needs none

    def serialize(
        self, key: tuple[Any, ...], row: Any, write: Callable[[], Any], recording: Recording
    ) -> orjson.Fragment:
        """Return the JSON of a row; `write` makes it where it is not known."""
        if (found := self.known.get((key, row))) is None:
            reads, recording.is_personal, was_personal = len(recording.queries), False, recording.is_personal
            found = orjson.dumps(write())
            if len(recording.queries) == reads and recording.is_complete and not recording.is_personal:
                self.keep((key, row), found)
            recording.is_personal = recording.is_personal or was_personal
        return orjson.Fragment(found)

    def keep(self, key: tuple[Any, ...], fragment: bytes) -> None:
        """Keep a fragment; where there is no room, the oldest ones go."""
        with self.lock:
            if key not in self.known:
                self.known[key] = fragment
                self.size += measure(key, fragment)
            while self.size > MAX_BYTES:
                oldest = next(iter(self.known))
                self.size -= measure(oldest, self.known.pop(oldest))


def measure(key: tuple[Any, ...], fragment: bytes) -> int:
    """Return about how many bytes a fragment and its row take."""
    return len(fragment) + sum(2 * len(value) for value in key[-1] if isinstance(value, str)) + OVERHEAD
