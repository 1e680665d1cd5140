"""The serving processes: one, or several on one socket that are replaced when they die."""

import ctypes
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

from flask import Flask

from shop.app import create_app
from shop.observability import metrics
from shop.runtime import get_runtime
from shop.serving.server import DRAIN_TIMEOUT, Server, open_socket
from shop.settings import Settings

STEADY_SECONDS = 10  # a worker that lived this long is replaced without delay
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
M_MMAP_THRESHOLD = -3  # in malloc.h
LARGE_BLOCK = 1024 * 1024  # bytes, as many as a request may have; a hash of a password takes 19 times as many

log = logging.getLogger("shop")


def run_server(app: Flask, settings: Settings, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT arrives; several workers make apps of their own."""
    for signal_number in STOP_SIGNALS:
        # A signal can arrive before the server is ready. An exception could be lost in a callback of the
        # garbage collector, and nothing has to be finished yet.
        signal.signal(signal_number, lambda *_: os._exit(0))
    metrics.start_exporter(settings)
    sock = open_socket(host, port)
    log.info("listening on http://%s:%s", f"[{host}]" if ":" in host else host, port)
    if settings.workers == 1:
        run_worker(app, settings, sock)
    else:
        WorkerPool(settings, sock).run()


def run_worker(app: Flask, settings: Settings, sock: socket.socket) -> None:
    """Run one serving process."""
    return_large_blocks()
    server = Server(app, settings, sock)
    for signal_number in STOP_SIGNALS:
        signal.signal(signal_number, server.stop)
    get_runtime(app).housekeeper.start()
    server.run()
    get_runtime(app).housekeeper.stop()
    get_runtime(app).flush_spans()


def return_large_blocks() -> None:
    """Have malloc return large blocks to the system as soon as they are freed."""
    # Without a fixed threshold, glibc raises it to the largest block that was freed, and each thread that
    # has hashed a password keeps 19 MiB. Other C libraries have no such function.
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)


@dataclass
class WorkerPool:
    """The parent of the workers: it opens only the socket and serves no requests."""

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
        """Collect the workers that have died; each early death doubles the delay before the next start."""
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
        # Connections and threads are created after the fork.
        run_worker(create_app(self.settings), self.settings, self.sock)

    def stop_workers(self) -> None:
        """Stop all workers; the socket is closed first, so that new clients are refused at once."""
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
    """Run a function in a forked process that exits without the exit handlers of its parent."""
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
    """Terminate this process when the parent ends, which closes the pipe."""
    os.read(parent_pipe, 1)
    os.kill(os.getpid(), signal.SIGTERM)
