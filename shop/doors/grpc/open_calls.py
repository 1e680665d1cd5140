"""How many calls are open, so that no caller takes the places of all others."""

from collections.abc import Iterator
from contextlib import contextmanager

from google.rpc import code_pb2 as code

from shop.doors.grpc.errors import Refusal, retry, status


class OpenCalls:
    """Counts open calls by key. It has no more keys than calls: one without open calls is forgotten."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    @contextmanager
    def hold(self, key: str, most: int) -> Iterator[None]:
        """Count one more open call of this key for as long as the block runs; refuse it above `most`."""
        if self.counts.get(key, 0) >= most:
            message = f"You have {most} calls open here. End some of them first."
            raise Refusal(status(code.RESOURCE_EXHAUSTED, message, "TOO_MANY_OPEN", retry(1)))
        self.counts[key] = self.counts.get(key, 0) + 1
        try:
            yield
        finally:
            self.counts[key] -= 1
            if not self.counts[key]:
                del self.counts[key]
