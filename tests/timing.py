"""How long something takes, apart from what else the machine and the interpreter do."""

import time
from collections.abc import Callable


def measure_seconds(act: Callable[[], object], enough: float) -> float:
    """Return the processor time of the quickest of three runs, or of the first that is quick enough.

    A collection of garbage, or a library that the first request loads, lengthens one run only.
    """
    times = []
    for _ in range(3):
        began = time.thread_time()
        act()
        times.append(time.thread_time() - began)
        if times[-1] < enough:
            break
    return min(times)
