"""The change feed: read changes in order by cursor, and wait for new ones."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from typing import Any, Protocol

from sqlalchemy import Select, bindparam, delete, func, select, update

from shop.domain.change import PURGED, Change
from shop.domain.order import Order, Step
from shop.model.entity import now
from shop.model.errors import CursorExpired, NotFound, Unauthenticated
from shop.model.fields import InputSchema, StrictInteger
from shop.model.moves import STAFF
from shop.storage.change_listener import ChangeListener
from shop.storage.change_log import FeedRow, number_waiting_rows
from shop.storage.transactions import Context

MAX_CHANGES = 500
MAX_NUMBERING_SECONDS = 30.0  # before a purge, which deletes only what has a number
PRESENCE_CHECK_SECONDS = 1.0  # seconds between two checks whether the waiting client is still connected


class ChangeSearch(InputSchema):
    """The cursor and the maximum number of changes."""

    after = StrictInteger(
        0,
        10**18 - 1,
        metadata={
            "description": "The cursor to go on from; without it, only what comes from now on.",
            "examples": [41],
        },
    )
    limit = StrictInteger(
        1, MAX_CHANGES, load_default=100, metadata={"description": "How many changes at most."}
    )
    product_id = StrictInteger(
        1,
        10**18 - 1,
        metadata={
            "description": f"Only the changes of this product; {MAX_CHANGES} changes are looked through.",
            "examples": [7],
        },
    )


class ChangeRow(Protocol):
    seq: int


SELECT_CHANGES = select(Change.seq, Change.kind, Change.product_id, Change.price, Change.stock, Change.at)
SELECT_STEPS = select(Step.seq, Step.order_id, Step.move, Step.by, Step.at, Order.user_id).join(Order)


def build_query_after(query: Select[Any], column: Any) -> Select[Any]:
    return query.where(column > bindparam("after")).order_by(column).limit(bindparam("limit"))


QUERIES_AFTER: dict[type[FeedRow], Select[Any]] = {
    Change: build_query_after(SELECT_CHANGES, Change.seq),
    Step: build_query_after(SELECT_STEPS, Step.seq),
}


def read_changes(ctx: Context, after: int, limit: int = MAX_CHANGES) -> Sequence[ChangeRow]:
    """Return the changes after a cursor; raise CursorExpired if some of them have been purged."""
    rows = fetch_after(ctx, Change, after, limit)
    if rows and rows[0].kind == PURGED:
        raise CursorExpired("The changes after this cursor have been deleted; read the catalogue again.")
    return rows or check_cursor(ctx, after, Change)


def select_changes_of(
    rows: Sequence[ChangeRow], product_id: int | None, limit: int
) -> tuple[Sequence[ChangeRow], int | None]:
    """Return the first changes of a product among these, and the cursor to go on from.

    The feed has one order for all products; an index by product would make every order slower.
    """
    if not rows:
        return rows, None
    found = rows if product_id is None else [row for row in rows if row.product_id == product_id]
    return found[:limit], (found[limit - 1] if len(found) > limit else rows[-1]).seq


def read_newest_changes(ctx: Context, product_id: int, limit: int) -> tuple[Sequence[ChangeRow], int]:
    """Return the last changes of a product, oldest first, and the cursor of now."""
    newest = find_newest_change(ctx)
    rows = fetch_after(ctx, Change, max(0, newest - MAX_CHANGES), MAX_CHANGES)
    found = [row for row in rows if row.product_id == product_id and row.kind != PURGED]
    return found[-limit:], max([newest, *(row.seq for row in rows)])


def read_steps(ctx: Context, after: int, limit: int = MAX_CHANGES) -> Sequence[ChangeRow]:
    """Return the steps of all orders after a cursor; each row has the owner of its order."""
    return fetch_after(ctx, Step, after, limit) or check_cursor(ctx, after, Step)


def filter_visible_steps(ctx: Context, rows: Sequence[ChangeRow]) -> Sequence[ChangeRow]:
    """Return the steps that the caller may see."""
    if not ctx.actor:
        raise Unauthenticated("Log in first.")
    return rows if STAFF in ctx.get_roles() else [row for row in rows if row.user_id == ctx.actor.id]


def fetch_after(ctx: Context, kind: type[FeedRow], after: int, limit: int) -> Sequence[Any]:
    """Return the rows of a feed after a cursor; what is committed is among them."""
    with ctx.connection() as connection:
        number_waiting_rows(connection, kind.__tablename__)
        return connection.execute(QUERIES_AFTER[kind], {"after": after, "limit": limit}).all()


def check_cursor(ctx: Context, after: int, kind: type[FeedRow]) -> Sequence[ChangeRow]:
    """Return no rows for a valid cursor; raise NotFound for a number that no row has yet."""
    with ctx.connection() as connection:
        newest = connection.scalar(select(func.max(kind.seq))) or 0
    if after > newest:
        raise NotFound("No change has this number yet; start again without a cursor.")
    return []


def find_newest_change(ctx: Context) -> int:
    """Return the number of the newest change."""
    return find_newest(ctx, Change)


def find_newest_step(ctx: Context) -> int:
    return find_newest(ctx, Step)


def find_newest(ctx: Context, kind: type[FeedRow]) -> int:
    with ctx.connection() as connection:
        number_waiting_rows(connection, kind.__tablename__)
        return connection.scalar(select(func.max(kind.seq))) or 0


def wait_for_changes(
    ctx: Context, watcher: ChangeListener, after: int, limit: int, seconds: float,
    is_waited_for: Callable[[], bool] = lambda: True,
) -> Sequence[ChangeRow]:  # fmt: skip
    """Wait for changes after a cursor; return no rows after the timeout.

    No connection and no transaction is held during the wait; an open transaction would not see new rows.
    """
    deadline = monotonic() + seconds
    while True:
        position = watcher.get_position()
        ctx.session.rollback()
        if rows := read_changes(ctx, after, limit):
            return rows
        while not watcher.wait_for_change(position, min(PRESENCE_CHECK_SECONDS, deadline - monotonic())):
            if watcher.stopped or monotonic() >= deadline or not is_waited_for():
                return []


def purge_changes(ctx: Context, days: int) -> int:
    """Delete changes older than some days; the last one stays as a mark of where the feed begins."""
    with ctx.connection() as connection:
        number_waiting_rows(connection, Change.__tablename__, MAX_NUMBERING_SECONDS)
    with ctx.transaction() as session:
        last_expired = select(func.max(Change.seq)).where(Change.at < now() - timedelta(days=days))
        if (last_seq := session.scalar(last_expired)) is None:
            return 0
        session.execute(update(Change).where(Change.seq == last_seq).values(kind=PURGED))
        return session.execute(delete(Change).where(Change.seq < last_seq)).rowcount


class ChangeStream:
    """The feed for coroutines; those that wait at the same cursor share one read."""

    def __init__(
        self, watcher: ChangeListener, fetch: Callable[[int], Awaitable[Sequence[ChangeRow]]]
    ) -> None:
        self.watcher, self.fetch, self.loop = watcher, fetch, asyncio.get_running_loop()
        self.wake_event, self.shared_reads = asyncio.Event(), dict[int, asyncio.Future[Sequence[ChangeRow]]]()
        watcher.callbacks.add(self.wake_loop)

    def wake_loop(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self.loop.call_soon_threadsafe(self.wake)

    def wake(self) -> None:
        self.wake_event.set()
        self.wake_event, self.shared_reads = asyncio.Event(), {}

    async def read_after(self, cursor: int) -> AsyncIterator[Sequence[ChangeRow]]:
        """Yield batches of rows after the cursor until the listener is stopped."""
        self.watcher.get_position()
        while not self.watcher.stopped:
            wake_event = self.wake_event
            if rows := await asyncio.shield(self.fetch_shared(cursor)):
                yield rows
                cursor = rows[-1].seq
            else:
                await wake_event.wait()

    def fetch_shared(self, cursor: int) -> asyncio.Future[Sequence[ChangeRow]]:
        """Return the running read at this cursor, or start one; a change makes it obsolete."""
        shared_reads = self.shared_reads
        if cursor not in shared_reads:
            shared_reads[cursor] = asyncio.ensure_future(self.fetch(cursor))
            shared_reads[cursor].add_done_callback(lambda _: shared_reads.pop(cursor))
        return shared_reads[cursor]
