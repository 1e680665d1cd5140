"""The feed of changes: read by cursor, each once and in order; and a wait for those still to come."""

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
from shop.storage.transactions import Context

LARGEST = 500
GLANCE = 1.0  # seconds after which one who waits is asked whether he is still there


class Search(InputSchema):
    """Where to read on, and how much at most."""

    after = StrictInteger(0, 10**18 - 1)
    limit = StrictInteger(1, LARGEST, load_default=100)


class Row(Protocol):
    seq: int


CHANGES = select(Change.seq, Change.kind, Change.product_id, Change.price, Change.stock, Change.at)
STEPS = select(Step.id.label("seq"), Step.order_id, Step.move, Step.by, Step.at, Order.user_id).join(Order)


def build_query_after(query: Select[Any], column: Any) -> Select[Any]:
    return query.where(column > bindparam("after")).order_by(column).limit(bindparam("limit"))


CHANGES_AFTER, STEPS_AFTER = build_query_after(CHANGES, Change.seq), build_query_after(STEPS, Step.id)


def read_changes(ctx: Context, after: int, limit: int = LARGEST) -> Sequence[Row]:
    """What came after this cursor. What was purged left a mark, which is found if anything was missed."""
    found = fetch_after(ctx, CHANGES_AFTER, after, limit)
    if found and found[0].kind == PURGED:
        raise CursorExpired("What came after this cursor is forgotten; read anew, and go on from now.")
    return found or check_cursor(ctx, after, find_newest_change)


def read_steps(ctx: Context, after: int, limit: int = LARGEST) -> Sequence[Row]:
    """The steps of all orders; whose an order is, each row says."""
    return fetch_after(ctx, STEPS_AFTER, after, limit) or check_cursor(ctx, after, find_newest_step)


def filter_visible_steps(ctx: Context, found: Sequence[Row]) -> Sequence[Row]:
    """Those of the steps that this caller may know of."""
    if not ctx.actor:
        raise Unauthenticated("Log in first.")
    return found if STAFF in ctx.roles() else [row for row in found if row.user_id == ctx.actor.id]


def fetch_after(ctx: Context, query: Select[Any], after: int, limit: int) -> Sequence[Any]:
    with ctx.reading() as connection:
        return connection.execute(query, {"after": after, "limit": limit}).all()


def check_cursor(ctx: Context, after: int, newest: Callable[[Context], int]) -> Sequence[Row]:
    """Nothing, for a cursor that there is; one that was never given out would miss what comes."""
    if after > newest(ctx):
        raise NotFound("No change has this number yet; begin anew.")
    return []


def find_newest_change(ctx: Context) -> int:
    """The cursor of now."""
    with ctx.reading() as connection:
        return connection.scalar(select(func.max(Change.seq))) or 0


def find_newest_step(ctx: Context) -> int:
    with ctx.reading() as connection:
        return connection.scalar(select(func.max(Step.id))) or 0


def wait_for_changes(
    ctx: Context, watcher: ChangeListener, after: int, limit: int, seconds: float,
    going: Callable[[], bool] = lambda: True,
) -> Sequence[Row]:  # fmt: skip
    """What came after this cursor as soon as there is something, or nothing when the time is over.

    Nothing is held meanwhile: neither a connection nor a transaction, which would see nothing new.
    """
    end = monotonic() + seconds
    while True:
        seen = watcher.seen()
        ctx.session.rollback()
        if found := read_changes(ctx, after, limit):
            return found
        while not watcher.wait(seen, min(GLANCE, end - monotonic())):
            if watcher.stopped or monotonic() >= end or not going():
                return []


def purge_changes(ctx: Context, days: int) -> int:
    """Forget what is older; the last of it stays as a mark of how far that went."""
    with ctx.writing() as session:
        old = select(func.max(Change.seq)).where(Change.at < now() - timedelta(days=days))
        if (last := session.scalar(old)) is None:
            return 0
        session.execute(update(Change).where(Change.seq == last).values(kind=PURGED))
        return session.execute(delete(Change).where(Change.seq < last)).rowcount


class Stream:
    """The same for coroutines: however many wait at one place, it is read once for all of them."""

    def __init__(self, watcher: ChangeListener, read: Callable[[int], Awaitable[Sequence[Row]]]) -> None:
        self.watcher, self.read, self.loop = watcher, read, asyncio.get_running_loop()
        self.bell, self.reads = asyncio.Event(), dict[int, asyncio.Future[Sequence[Row]]]()
        watcher.listeners.add(self.tell)

    def tell(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self.loop.call_soon_threadsafe(self.ring)

    def ring(self) -> None:
        self.bell.set()
        self.bell, self.reads = asyncio.Event(), {}

    async def after(self, cursor: int) -> AsyncIterator[Sequence[Row]]:
        """The rows after the cursor, some at a time, until the watcher is stopped."""
        self.watcher.seen()
        while not self.watcher.stopped:
            bell = self.bell
            if found := await asyncio.shield(self.shared(cursor)):
                yield found
                cursor = found[-1].seq
            else:
                await bell.wait()

    def shared(self, cursor: int) -> asyncio.Future[Sequence[Row]]:
        """One reading for all who are here, until it is done or something happens."""
        reads = self.reads
        if cursor not in reads:
            reads[cursor] = asyncio.ensure_future(self.read(cursor))
            reads[cursor].add_done_callback(lambda _: reads.pop(cursor))
        return reads[cursor]
