"""Counters in memory, without the threads that the memory store of `limits` starts.

Windows end by the monotonic clock: setting the clock of the machine makes none of them longer or shorter.
"""

from threading import Lock
from time import monotonic, time

from limits.storage import Storage

MIN_SWEEP, MAX_WINDOWS = 10_000, 50_000  # windows


class MemoryCounters(Storage):
    STORAGE_SCHEME = ("shop",)
    base_exceptions = ()

    def __init__(self, uri: str | None = None, **options: str) -> None:
        super().__init__(uri, **options)
        self.lock = Lock()
        self.windows: dict[str, tuple[int, float]] = {}
        self.room = MIN_SWEEP

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = monotonic()
        with self.lock:
            count, end = self.windows.get(key, (0, 0.0))
            count, end = (count + amount, end) if end > now else (amount, now + expiry)
            self.windows[key] = max(0, count), end
            if len(self.windows) > self.room:
                self.sweep(now)
        return count

    def sweep(self, now: float) -> None:
        """Drop windows that have ended; the next sweep comes at twice the size, so its cost is spread evenly.

        Where there are still too many, because they come from a network without end, those go that end first.
        """
        self.windows = {key: window for key, window in self.windows.items() if window[1] > now}
        if len(self.windows) > MAX_WINDOWS // 2:
            last = sorted(self.windows, key=lambda key: self.windows[key][1])[-MAX_WINDOWS // 2 :]
            self.windows = {key: self.windows[key] for key in last}
        self.room = max(MIN_SWEEP, 2 * len(self.windows))

    def get(self, key: str) -> int:
        count, end = self.windows.get(key, (0, 0.0))
        return count if end > monotonic() else 0

    def get_expiry(self, key: str) -> float:
        """Return when a window ends, by the clock of the machine, as `limits` wants to know."""
        now = monotonic()
        return time() + max(0.0, self.windows.get(key, (0, now))[1] - now)

    def check(self) -> bool:
        return True

    def clear(self, key: str) -> None:
        self.windows.pop(key, None)

    def reset(self) -> int:
        with self.lock:
            found, self.windows = len(self.windows), {}
        return found
