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
from shop.serving.server import DRAIN, Server, listen
from shop.settings import Settings

STEADY = 10  # seconds after which a worker that dies is replaced at once
ENDS = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger("shop")


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until told to stop by SIGTERM or SIGINT."""
    for number in ENDS:
        signal.signal(number, lambda *_: sys.exit(0))  # whoever knocks now may already want it to end
    metrics.open(settings)
    sock = listen(host, port)
    log.info("listening on http://%s:%s", f"[{host}]" if ":" in host else host, port)
    if settings.workers == 1:
        work(settings, sock)
    else:
        Team(settings, sock).run()


def work(settings: Settings, sock: socket.socket) -> None:
    """What one process does; all that holds a connection or a thread begins here, after the fork."""
    app = create_app(settings)
    server = Server(app, settings, sock)
    for number in ENDS:
        signal.signal(number, server.stop)
    app.extensions["shop-housekeeper"].start()
    server.run()
    app.extensions["shop-housekeeper"].stop()
    tracing.flush()


@dataclass
class Team:
    """The parent of the workers: it serves nobody, and opens nothing but the socket."""

    settings: Settings
    sock: socket.socket
    born: dict[int, float] = field(default_factory=dict)
    pause: float = 0
    due: float = 0
    stopping: bool = False

    def run(self) -> None:
        self.leash, self.held = os.pipe()
        for number in ENDS:
            signal.signal(number, self.stop)
        while not self.stopping:
            self.replace()
            time.sleep(0.1)
        self.end()

    def stop(self, *_: object) -> None:
        self.stopping = True

    def replace(self) -> None:
        self.bury()
        while not self.stopping and len(self.born) < self.settings.workers and monotonic() >= self.due:
            self.born[fork(self.begin)] = monotonic()

    def bury(self) -> None:
        """Note who has died; whoever did so young is replaced later and later."""
        for pid in [pid for pid in self.born if os.waitpid(pid, os.WNOHANG)[0]]:
            metrics.gone(pid)
            young = monotonic() - self.born.pop(pid) < STEADY
            self.pause = min(self.pause * 2 or 0.5, 30) if young else 0
            self.due = monotonic() + self.pause
            if not self.stopping:
                log.error("worker %s died; another begins in %.1f s", pid, self.pause)

    def begin(self) -> None:
        for number in ENDS:
            signal.signal(number, signal.SIG_DFL)
        os.close(self.held)
        Thread(target=follow, args=(self.leash,), daemon=True).start()
        work(self.settings, self.sock)

    def end(self) -> None:
        """Close the door first, so that whoever comes now is refused and not left waiting."""
        self.sock.close()
        self.tell(signal.SIGTERM)
        deadline = monotonic() + DRAIN + 5
        while self.born and monotonic() < deadline:
            self.bury()
            time.sleep(0.05)
        self.tell(signal.SIGKILL)

    def tell(self, number: int) -> None:
        for pid in self.born:
            os.kill(pid, number)


def fork(begin: Callable[[], None]) -> int:
    """A process that does this and ends, without what its parent would do at its own end."""
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    code = 1
    try:
        begin()
        code = 0
    except Exception:
        log.exception("a worker failed")
    finally:
        os._exit(code)


def follow(leash: int) -> None:
    """When the parent is gone, however it went, nothing more comes through this pipe."""
    os.read(leash, 1)
    os.kill(os.getpid(), signal.SIGTERM)
