"""The deliverer: one thread distributes events and claims deliveries, others send them.

Several processes may run it. What a process has claimed when it is killed is sent again by another one when
the lease ends, with the same id.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Lock, Thread
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from shop.doors.webhooks.messages import build_message
from shop.model.errors import DomainError
from shop.services.deliveries import (
    Backlog,
    Claim,
    claim_delivery,
    distribute_events,
    measure_backlog,
    record_outcome,
)
from shop.storage.change_listener import ChangeListener
from shop.storage.transactions import OPERATOR, Context, TransactionSession
from shop.webhooks.retries import Outcome
from shop.webhooks.sending import post

SENDERS = 16
MIN_SECONDS = 0.05  # of an attempt, so that one hook gets at most 1,200 messages a minute
MAX_PAUSE = 1.0  # seconds between two looks for deliveries that are due
OUTAGE_PAUSE = 2.0  # seconds after an error of the database
RECORD_ATTEMPTS = 5  # of recording an outcome; after these the delivery is sent again

log = logging.getLogger("shop")


class Deliverer:
    """Sends deliveries with a bounded number of threads.

    Half of them are kept for hooks that do not fail, so that slow receivers delay no others.
    """

    def __init__(
        self,
        engine: Engine,
        listener: ChangeListener,
        base_url: str,
        *,
        allow_private: bool = False,
        senders: int = SENDERS,
        observe: Callable[[Outcome], object] = lambda outcome: None,
    ) -> None:
        self.engine, self.listener, self.base_url = engine, listener, base_url
        self.allow_private, self.senders, self.observe = allow_private, senders, observe
        self.stopped, self.news, self.lock = Event(), Event(), Lock()
        self.sending: dict[str, bool] = {}  # by the lease: whether the receiver was failing
        self.pool = ThreadPoolExecutor(senders, thread_name_prefix="shop-sender")

    def start(self) -> None:
        Thread(target=self.run, name="shop-deliverer", daemon=True).start()

    def run(self) -> None:
        """Deliver until `stop` is called."""
        self.listener.callbacks.add(self.news.set)
        self.listener.get_position()
        while not self.stopped.is_set():
            self.news.clear()
            pause = MAX_PAUSE
            try:
                with self.open_context() as ctx:
                    while distribute_events(ctx) and not self.stopped.is_set():
                        self.start_senders(ctx)
                    self.start_senders(ctx)
            except (SQLAlchemyError, DomainError) as error:
                log.warning("hooks: %s", describe_error(error))
                pause = OUTAGE_PAUSE
            except Exception:  # a fault in one look must not end all deliveries
                log.exception("hooks: a look for deliveries failed")
                pause = OUTAGE_PAUSE
            self.news.wait(pause)
        self.pool.shutdown(wait=False, cancel_futures=True)

    def stop(self, seconds: float = 0) -> None:
        """Claim no more, and give the attempts that have begun some seconds to end."""
        self.stopped.set()
        self.news.set()
        deadline = monotonic() + seconds
        while self.sending and monotonic() < deadline:
            sleep(0.02)

    @contextmanager
    def open_context(self) -> Iterator[Context]:
        with TransactionSession(self.engine, expire_on_commit=False) as session:
            yield Context(session, OPERATOR)

    def start_senders(self, ctx: Context) -> None:
        """Claim deliveries while there are places, and have them sent."""
        while not self.stopped.is_set() and len(self.sending) < self.senders:
            with self.lock:
                is_half_failing = sum(self.sending.values()) >= self.senders // 2
            claim = claim_delivery(ctx, only_healthy=is_half_failing)
            ctx.session.expunge_all()
            if claim is None:
                return
            with self.lock:
                self.sending[claim.lease] = claim.is_failing
            self.pool.submit(self.send, claim)

    def send(self, claim: Claim) -> None:
        try:
            headers, body = build_message(claim, self.base_url)
            outcome = post(claim.url, headers, body, allow_private=self.allow_private)
            log_attempt(claim, outcome)
            self.observe(outcome)
            self.stopped.wait(MIN_SECONDS - outcome.seconds)  # while the lease keeps the hook from others
            self.record(claim, outcome)
        except Exception:
            log.exception("hook %s: delivery %s was not sent", claim.hook_id, claim.delivery_id)
        finally:
            with self.lock:
                del self.sending[claim.lease]
            self.news.set()

    def record(self, claim: Claim, outcome: Outcome) -> None:
        """Record an outcome. While the database does not answer it is tried again, as the lease allows."""
        for _ in range(RECORD_ATTEMPTS):
            try:
                with self.open_context() as ctx:
                    record_outcome(ctx, claim, outcome)
                return
            except (SQLAlchemyError, DomainError) as error:
                log.warning("hook %s: not recorded yet: %s", claim.hook_id, describe_error(error))
                self.stopped.wait(OUTAGE_PAUSE)

    def measure_backlog(self) -> Backlog:
        with self.open_context() as ctx:
            return measure_backlog(ctx)


def describe_error(error: Any) -> str:
    return str(getattr(error, "orig", error)).partition("\n")[0]


def log_attempt(claim: Claim, outcome: Outcome) -> None:
    """Log an attempt without the path of the URL, which may be a secret of the receiver."""
    log.log(
        logging.INFO if outcome.is_success else logging.WARNING,
        "hook %s: %s (%s) to %s, attempt %s: %s in %.0f ms",
        claim.hook_id,
        claim.event,
        claim.message_id,
        urlsplit(claim.url).netloc,
        claim.attempt,
        outcome.status or outcome.error,
        outcome.seconds * 1000,
    )
