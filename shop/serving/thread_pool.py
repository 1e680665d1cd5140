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

MOMENT = 0.002  # seconds in which a thread that gets on begins the next request
FEW = 2  # requests that wait


class Dispatcher(ThreadedTaskDispatcher):
    def __init__(self) -> None:
        super().__init__()
        self.few = Condition(self.lock)
        self.began: dict[int, float] = {}  # when each thread began what it is at

    def brisk(self) -> bool:
        """Whether somebody at work will come for the next request presently."""
        now = monotonic()
        return any(now - began < MOMENT for began in self.began.values())

    def add_task(self, task: Any) -> None:
        with self.lock:
            self.queue.append(task)
            if not self.brisk():
                self.queue_cv.notify()

    def stand_back(self) -> None:
        with self.lock:
            self.few.wait_for(lambda: len(self.queue) < FEW, MOMENT)
            if self.queue and not self.brisk():
                self.queue_cv.notify()

    def handler_thread(self, number: int) -> None:
        while task := self.take(number):
            try:
                task.service()
            except BaseException:
                self.logger.exception("Exception when servicing %r", task)

    def take(self, number: int) -> Any:
        with self.lock:
            self.began.pop(number, None)
            while not self.stop_count and (not self.queue or self.brisk()):
                self.queue_cv.wait()
            if self.stop_count:
                self.leave(number)
                return None
            if len(self.queue) <= FEW:
                self.few.notify()
            self.began[number] = monotonic()
            return self.queue.popleft()

    def leave(self, number: int) -> None:
        self.stop_count -= 1
        self.threads.discard(number)
        self.thread_exit_cv.notify()
