"""As few threads at a time as get on with the work.

Threads of Python take turns. Two that both compute spend more of their time on handing the interpreter to
each other, from core to core, than on requests. More are of use where the first waits for something. So there
is one more when nobody began anything for a moment, and one less when somebody did. The loop that reads from
the sockets stands back as well, while there is enough to do (docs/decisions/0009).
"""

from threading import Condition
from time import monotonic
from typing import Any

from waitress.task import ThreadedTaskDispatcher

HANDOVER_SECONDS = 0.002  # seconds in which a thread that gets on begins the next request
LOW_QUEUE_LENGTH = 2  # requests that wait


class ThreadPool(ThreadedTaskDispatcher):
    def __init__(self) -> None:
        super().__init__()
        self.queue_is_low = Condition(self.lock)
        self.start_times: dict[int, float] = {}  # when each thread began what it is at

    def has_recent_start(self) -> bool:
        """Whether somebody at work will come for the next request presently."""
        now = monotonic()
        return any(now - started_at < HANDOVER_SECONDS for started_at in self.start_times.values())

    def add_task(self, task: Any) -> None:
        with self.lock:
            self.queue.append(task)
            if not self.has_recent_start():
                self.queue_cv.notify()

    def wait_for_low_queue(self) -> None:
        with self.lock:
            self.queue_is_low.wait_for(lambda: len(self.queue) < LOW_QUEUE_LENGTH, HANDOVER_SECONDS)
            if self.queue and not self.has_recent_start():
                self.queue_cv.notify()

    def handler_thread(self, number: int) -> None:
        while task := self.take_task(number):
            try:
                task.service()
            except BaseException:
                self.logger.exception("Exception when servicing %r", task)

    def take_task(self, number: int) -> Any:
        with self.lock:
            self.start_times.pop(number, None)
            while not self.stop_count and (not self.queue or self.has_recent_start()):
                self.queue_cv.wait()
            if self.stop_count:
                self.remove_thread(number)
                return None
            if len(self.queue) <= LOW_QUEUE_LENGTH:
                self.queue_is_low.notify()
            self.start_times[number] = monotonic()
            return self.queue.popleft()

    def remove_thread(self, number: int) -> None:
        self.stop_count -= 1
        self.threads.discard(number)
        self.thread_exit_cv.notify()
