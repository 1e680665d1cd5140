"""Wake one idle thread at a time, to limit contention for the GIL.

Two Python threads that compute spend much of their time handing the GIL to each other. A second thread
helps only while the first one waits, for example for the database. So an idle thread is woken only when no
thread has started a task within HANDOVER_SECONDS. The loop that reads from the sockets also pauses while the
queue is long enough (docs/decisions/0009).
"""

from threading import Condition
from time import monotonic
from typing import Any

from waitress.task import ThreadedTaskDispatcher

HANDOVER_SECONDS = 0.002  # a thread that makes progress starts its next request within this time
LOW_QUEUE_LENGTH = 2  # waiting requests below which the socket loop reads on


class ThreadPool(ThreadedTaskDispatcher):
    def __init__(self) -> None:
        super().__init__()
        self.queue_is_low = Condition(self.lock)
        self.start_times: dict[int, float] = {}  # when each busy thread started its task

    def has_recent_start(self) -> bool:
        """Whether a busy thread started its task so recently that it will soon take the next one."""
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
