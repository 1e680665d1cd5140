"""Cancel unpaid orders and delete expired data, by `shop purge` and by a thread of each server."""

import logging
from threading import Event, Thread

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from shop.model.errors import DomainError
from shop.services import changes, drafts, hooks, orders
from shop.storage import idempotency
from shop.storage.transactions import OPERATOR, Context, TransactionSession

FIRST_RUN_SECONDS, INTERVAL_SECONDS = 5, 60

log = logging.getLogger("shop")


def clean_up(ctx: Context, *, unpaid_hours: int, changes_days: int) -> dict[str, int]:
    """Run all tasks and return their counts."""
    return {
        "unpaid orders cancelled": orders.cancel_unpaid(ctx, unpaid_hours),
        "abandoned drafts deleted": drafts.purge_drafts(ctx),
        "stored answers deleted": idempotency.purge_answers(ctx),
        "old deliveries deleted": hooks.purge_hooks(ctx, changes_days),
        "old changes deleted": changes.purge_changes(ctx, changes_days),
    }


class Housekeeper:
    """Cleans up every minute; several servers may run it at the same time."""

    def __init__(self, engine: Engine, currency: str, unpaid_hours: int, changes_days: int) -> None:
        self.engine, self.currency = engine, currency
        self.times = {"unpaid_hours": unpaid_hours, "changes_days": changes_days}
        self.stopped = Event()

    def start(self) -> None:
        """Start the thread; in a server that forks, after the fork."""
        Thread(target=self.run, name="shop-housekeeper", daemon=True).start()

    def stop(self) -> None:
        self.stopped.set()

    def run(self) -> None:
        pause = FIRST_RUN_SECONDS
        while not self.stopped.wait(pause):
            self.clean_up()
            pause = INTERVAL_SECONDS

    def clean_up(self) -> None:
        try:
            with TransactionSession(self.engine, expire_on_commit=False) as session:
                counts = clean_up(Context(session, OPERATOR, self.currency), **self.times)
        except (SQLAlchemyError, DomainError) as error:  # the next run will try again
            log.warning("housekeeping: %s", str(getattr(error, "orig", error)).partition("\n")[0])
            return
        if cancelled := counts["unpaid orders cancelled"]:
            log.info("housekeeping: %s unpaid orders cancelled", cancelled)
