"""Limits how many calls a caller has open, so that there is room for others."""

from collections.abc import Iterator
from contextlib import contextmanager

from google.rpc import code_pb2 as code

from shop.doors.grpc.errors import TryAgain


class OpenCalls:
    """Counts open calls by key. A key without open calls is removed, so there are no more keys than calls."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    @contextmanager
    def hold_place(self, key: str, limit: int) -> Iterator[None]:
        """Count one more open call of this key while the block runs; raise TryAgain above `limit`."""
        if self.counts.get(key, 0) >= limit:
            message = f"You have {limit} calls open here. End some of them first."
            raise TryAgain(code.RESOURCE_EXHAUSTED, message, "TOO_MANY_OPEN")
        self.counts[key] = self.counts.get(key, 0) + 1
        try:
            yield
        finally:
            self.counts[key] -= 1
            if not self.counts[key]:
                del self.counts[key]
