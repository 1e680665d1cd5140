"""What becomes of an attempt to send a message, and when the message is sent again."""

import random
from dataclasses import dataclass
from datetime import timedelta

GONE = 410

# Before each attempt, as Standard Webhooks proposes; more than three days in all.
DELAYS = tuple(
    timedelta(seconds=seconds) for seconds in (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
MAX_JITTER = 0.2  # of a delay, so that not all messages that failed together come again together
MAX_PAUSE = timedelta(days=1)


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt: a status, or an error in a few words."""

    status: int | None
    error: str
    seconds: float
    retry_after: int | None = None  # seconds

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        return self.status == GONE


def compute_delay(attempts: int) -> timedelta | None:
    """Return how long to wait before the next attempt after so many; None where there is none."""
    if attempts >= len(DELAYS):
        return None
    return DELAYS[attempts] * (1 + random.uniform(0, MAX_JITTER))  # noqa: S311


def limit_pause(seconds: int | None) -> timedelta:
    """Return the pause that a receiver asks for, a day at the most."""
    return min(timedelta(seconds=min(seconds or 0, 10**6)), MAX_PAUSE)
