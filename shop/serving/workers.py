"""The processes that serve: one, or several on one socket, where whoever dies is replaced."""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread
from time import monotonic

from shop.app import create_app
from shop.observability import metrics, tracing
from shop.runtime import get_runtime
from shop.serving.server import DRAIN_TIMEOUT, Server, open_socket
from shop.settings import Settings

STEADY_SECONDS = 10  # seconds after which a worker that dies is replaced at once
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger("shop")


def run_server(settings: Settings, host: str, port: int) -> None:
    """Serve until told to stop by SIGTERM or SIGINT."""
    for signal_number in STOP_SIGNALS:
        signal.signal(signal_number, lambda *_: sys.exit(0))  # whoever knocks now may already want it to end
    metrics.start_exporter(settings)
    sock = open_socket(host, port)
    log.info("listening on http://%s:%s", f"[{host}]" if ":" in host else host, port)
    if settings.workers == 1:
        run_worker(settings, sock)
    else:
        WorkerPool(settings, sock).run()


def run_worker(settings: Settings, sock: socket.socket) -> None:
    """What one process does; all that holds a connection or a thread begins here, after the fork."""
    app = create_app(settings)
    server = Server(app, settings, sock)
    for signal_number in STOP_SIGNALS:
        signal.signal(signal_number, server.stop)
    get_runtime(app).housekeeper.start()
    server.run()
    get_runtime(app).housekeeper.stop()
    tracing.flush_spans()


@dataclass
class WorkerPool:
    """The parent of the workers: it serves nobody, and opens nothing but the socket."""

    settings: Settings
    sock: socket.socket
    start_times: dict[int, float] = field(default_factory=dict)
    restart_delay: float = 0
    restart_at: float = 0
    stopping: bool = False

    def run(self) -> None:
        self.parent_pipe, self.held_pipe = os.pipe()
        for signal_number in STOP_SIGNALS:
            signal.signal(signal_number, self.stop)
        while not self.stopping:
            self.start_missing_workers()
            time.sleep(0.1)
        self.stop_workers()

    def stop(self, *_: object) -> None:
        self.stopping = True

    def start_missing_workers(self) -> None:
        self.reap_workers()
        while (
            not self.stopping
            and len(self.start_times) < self.settings.workers
            and monotonic() >= self.restart_at
        ):
            self.start_times[fork_process(self.run_child)] = monotonic()

    def reap_workers(self) -> None:
        """Note who has died; whoever did so young is replaced later and later."""
        for pid in [pid for pid in self.start_times if os.waitpid(pid, os.WNOHANG)[0]]:
            metrics.mark_worker_dead(pid)
            died_early = monotonic() - self.start_times.pop(pid) < STEADY_SECONDS
            self.restart_delay = min(self.restart_delay * 2 or 0.5, 30) if died_early else 0
            self.restart_at = monotonic() + self.restart_delay
            if not self.stopping:
                log.error("worker %s died; another begins in %.1f s", pid, self.restart_delay)

    def run_child(self) -> None:
        for signal_number in STOP_SIGNALS:
            signal.signal(signal_number, signal.SIG_DFL)
        os.close(self.held_pipe)
        Thread(target=stop_with_parent, args=(self.parent_pipe,), daemon=True).start()
        run_worker(self.settings, self.sock)

    def stop_workers(self) -> None:
        """Close the door first, so that whoever comes now is refused and not left waiting."""
        self.sock.close()
        self.signal_workers(signal.SIGTERM)
        deadline = monotonic() + DRAIN_TIMEOUT + 5
        while self.start_times and monotonic() < deadline:
            self.reap_workers()
            time.sleep(0.05)
        self.signal_workers(signal.SIGKILL)

    def signal_workers(self, signal_number: int) -> None:
        for pid in self.start_times:
            os.kill(pid, signal_number)


def fork_process(run: Callable[[], None]) -> int:
    """A process that does this and ends, without what its parent would do at its own end."""
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    code = 1
    try:
        run()
        code = 0
    except Exception:
        log.exception("a worker failed")
    finally:
        os._exit(code)


def stop_with_parent(parent_pipe: int) -> None:
    """When the parent is gone, however it went, nothing more comes through this pipe."""
    os.read(parent_pipe, 1)
    os.kill(os.getpid(), signal.SIGTERM)
