"""Places for requests that wait; a caller may use all idle ones, and gives some up when others come."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

TURN = 5  # seconds that a caller may wait undisturbed


@dataclass(eq=False)
class Place:
    caller: str
    since: float = field(default_factory=monotonic)
    is_recalled: bool = False


class WaitingPlaces:
    """A fixed number of places, shared fairly between callers."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.lock = Lock()
        self.taken: list[Place] = []

    @contextmanager
    def take(self, caller: str) -> Iterator[Place | None]:
        """Take a place for the time of the block, or None if there is none; leave a recalled place soon."""
        place = self.find(caller)
        try:
            yield place
        finally:
            if place:
                self.leave(place)

    def find(self, caller: str) -> Place | None:
        with self.lock:
            if len(self.taken) >= self.count and not self.recall_for(caller):
                return None
            self.taken.append(place := Place(caller))
            return place

    def leave(self, place: Place) -> None:
        with self.lock:
            self.taken.remove(place)

    def recall_for(self, caller: str) -> bool:
        """Recall a place of a caller who has two more than this one, or who has had a turn."""
        if len(self.taken) > self.count:
            return False  # one is being left already, and takes a thread until then
        held, now = Counter(each.caller for each in self.taken), monotonic()

        def has_more(place: Place) -> bool:
            return held[place.caller] > held[caller] + 1

        def has_had_turn(place: Place) -> bool:
            return not held[caller] and now - place.since >= TURN

        found = [each for each in self.taken if has_more(each) or has_had_turn(each)]
        if not found:
            return False
        min(found, key=lambda each: (not has_more(each), each.since)).is_recalled = True
        return True
