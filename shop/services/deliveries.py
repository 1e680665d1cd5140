"""Deliveries of events to hooks: distributing events, claiming a delivery, and recording its outcome.

Each of them is one short transaction, and nothing is held while a message is sent.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.orm import Session

from shop.domain.change import PURGED, Change
from shop.domain.hook import ENABLED, IS_WAITING, Delivery, FeedPosition, Hook
from shop.domain.order import Order, Step, find_status_after
from shop.domain.user import USER_EVENTS, User, UserStep
from shop.model.entity import now
from shop.model.moves import STAFF
from shop.storage.change_log import FeedRow, number_waiting_rows
from shop.storage.database import build_insert
from shop.storage.transactions import Context
from shop.webhooks.retries import Outcome, limit_pause

BATCH_SIZE = 500  # rows of a feed that are distributed in one transaction
MAX_WAITING = 10_000  # deliveries of one hook
LEASE = timedelta(seconds=45)  # an attempt takes 15 seconds at the most
TOO_MANY_WAIT = f"More than {MAX_WAITING:,} deliveries were waiting; read the feed instead."


@dataclass(frozen=True)
class Event:
    feed: str
    seq: int
    name: str
    subject_id: int
    happened_at: datetime
    owner_id: int | None = None  # of the order; of other subjects, only staff are told

    @property
    def message_id(self) -> str:
        return f"{self.feed}_{self.seq}"


@dataclass(frozen=True)
class Feed:
    """A feed that events are made of."""

    kind: type[FeedRow]
    query: Select[Any]
    build_event: Callable[[Any], Event | None]


@dataclass(frozen=True)
class Claim:
    """A delivery that one sender has for the time of a lease, and all that it needs to send it."""

    lease: str
    hook_id: int
    delivery_id: int
    url: str
    secrets: tuple[str, ...]
    message_id: str
    event: str
    subject_id: int
    happened_at: datetime
    attempt: int
    is_failing: bool


@dataclass(frozen=True)
class Backlog:
    """How many deliveries are due, and for how many seconds the oldest of them is."""

    count: int
    oldest_seconds: float


def build_change_event(row: Any) -> Event | None:
    if row.kind == PURGED:
        return None
    return Event("changes", row.seq, f"product.{row.kind}", row.product_id, row.at)


def build_step_event(row: Any) -> Event:
    status = find_status_after(row.move)
    return Event("order_steps", row.seq, f"order.{status}", row.order_id, row.at, row.user_id)


def build_user_event(row: Any) -> Event:
    return Event("user_steps", row.seq, USER_EVENTS[row.move], row.user_id, row.at)


SELECT_STEPS = select(Step.seq, Step.order_id, Step.move, Step.at, Order.user_id).join(Order)
SELECT_CHANGES = select(Change.seq, Change.kind, Change.product_id, Change.at)
SELECT_USER_STEPS = select(UserStep.seq, UserStep.user_id, UserStep.move, UserStep.at)
FEEDS = (
    Feed(Step, SELECT_STEPS, build_step_event),
    Feed(Change, SELECT_CHANGES, build_change_event),
    Feed(UserStep, SELECT_USER_STEPS, build_user_event),
)
IS_OWNER_ACTIVE = User.disabled.is_(False) & User.erased_at.is_(None)


def distribute_events(ctx: Context) -> int:
    """Make deliveries of new events for the hooks that want them, and return the number of events."""
    return sum(distribute_feed(ctx, feed) for feed in FEEDS)


def distribute_feed(ctx: Context, feed: Feed) -> int:
    with ctx.connection() as connection:
        number_waiting_rows(connection, feed.kind.__tablename__)
        position = connection.scalar(select_position(feed)) or 0
        newest = connection.scalar(select(func.max(feed.kind.seq))) or 0
    if newest <= position:
        return 0
    with ctx.transaction() as session:
        start = {"feed": feed.kind.__tablename__, "seq": 0}
        session.execute(build_insert(session, FeedPosition.__table__).on_conflict_do_nothing(), start)
        # Another deliverer that has the position distributes the same events.
        position = session.scalar(select_position(feed).with_for_update(skip_locked=True))
        if position is None:
            return 0
        rows = fetch_rows_after(session, feed, position)
        # The hooks are read after the events: one that is not seen here was added after all of them.
        if rows:
            add_deliveries(session, [event for event in map(feed.build_event, rows) if event])
            session.execute(
                update(FeedPosition)
                .where(FeedPosition.feed == feed.kind.__tablename__)
                .values(seq=rows[-1].seq)
            )
        return len(rows)


def find_newest_numbers(ctx: Context) -> dict[str, int]:
    """Return the newest number of each feed; events of a new hook begin after them."""
    with ctx.connection() as connection:
        for feed in FEEDS:
            number_waiting_rows(connection, feed.kind.__tablename__)
        return {
            feed.kind.__tablename__: connection.scalar(select(func.max(feed.kind.seq))) or 0 for feed in FEEDS
        }


def select_position(feed: Feed) -> Select[tuple[int]]:
    return select(FeedPosition.seq).where(FeedPosition.feed == feed.kind.__tablename__)


def fetch_rows_after(session: Session, feed: Feed, position: int) -> Sequence[Any]:
    query = feed.query.where(feed.kind.seq > position).order_by(feed.kind.seq).limit(BATCH_SIZE)
    return session.execute(query).all()


def add_deliveries(session: Session, events: list[Event]) -> None:
    hooks = session.execute(select_hooks({event.owner_id for event in events} - {None})).all()
    for hook, role in hooks:
        if rows := [build_delivery(hook, event) for event in events if can_receive(hook, role, event)]:
            session.execute(build_insert(session, Delivery.__table__).on_conflict_do_nothing(), rows)
            disable_overfull(session, hook)


def select_hooks(owners: Iterable[int]) -> Select[tuple[Hook, str]]:
    """Return the query for the hooks of staff and of these owners, with the role of the owner."""
    return (
        select(Hook, User.role)
        .join(User, User.id == Hook.user_id)
        .where(Hook.status == ENABLED, IS_OWNER_ACTIVE)
        .where(or_(User.role == STAFF, User.id.in_(owners)))
    )


def can_receive(hook: Hook, role: str, event: Event) -> bool:
    """Whether a hook gets an event: it names it, its owner may see it, and the event came later."""
    is_allowed = role == STAFF or event.owner_id == hook.user_id
    return is_allowed and hook.is_subscribed_to(event.name) and event.seq > hook.begins_after[event.feed]


def build_delivery(hook: Hook, event: Event) -> dict[str, Any]:
    return {
        "hook_id": hook.id,
        "user_id": hook.user_id,
        "message_id": event.message_id,
        "event": event.name,
        "subject_id": event.subject_id,
        "is_for_staff": event.owner_id != hook.user_id,
        "happened_at": event.happened_at,
        "version": 1,
    }


def disable_overfull(session: Session, hook: Hook) -> None:
    """Disable a hook that has too many deliveries waiting."""
    waiting = select(Delivery.id).where(Delivery.hook_id == hook.id, IS_WAITING).limit(MAX_WAITING + 1)
    if session.scalar(select(func.count()).select_from(waiting.subquery())) > MAX_WAITING:
        hook.disable_because(TOO_MANY_WAIT)


def claim_delivery(ctx: Context, *, only_healthy: bool = False) -> Claim | None:
    """Lease the hook that has waited longest, and return its oldest due delivery; None if there is none."""
    with ctx.connection() as connection:  # most looks find nothing, and need not write
        if connection.scalar(select_due_hooks(only_healthy).with_only_columns(Hook.id)) is None:
            return None
    with ctx.transaction() as session:
        hook = session.scalar(select_due_hooks(only_healthy).with_for_update(of=Hook, skip_locked=True))
        delivery = hook and session.scalar(select_oldest_due(hook))
        if delivery is None:
            return None
        lease = token_hex(16)
        set_lease(session, hook, lease, now() + LEASE)
        return Claim(
            lease, hook.id, delivery.id, hook.url, tuple(hook.list_secrets()), delivery.message_id,
            delivery.event, delivery.subject_id, delivery.happened_at, delivery.attempts + 1,
            hook.failing_since is not None,
        )  # fmt: skip


def select_due_hooks(only_healthy: bool) -> Select[tuple[Hook]]:
    query = (
        select(Hook)
        .join(User, User.id == Hook.user_id)
        .where(Hook.status == ENABLED, Hook.free_at <= now(), IS_OWNER_ACTIVE)
        .where(select_due(Hook.id, User.role).exists())
        .order_by(Hook.free_at)
        .limit(1)
    )
    return query.where(Hook.failing_since.is_(None)) if only_healthy else query


def select_due(hook_id: Any, role: Any) -> Select[tuple[int]]:
    """Return the query for the due deliveries of a hook whose owner has this role."""
    return select(Delivery.id).where(
        Delivery.hook_id == hook_id,
        IS_WAITING,
        Delivery.next_attempt_at <= now(),
        or_(Delivery.is_for_staff.is_(False), role == STAFF),
    )


def select_oldest_due(hook: Hook) -> Select[tuple[Delivery]]:
    role = select(User.role).where(User.id == hook.user_id).scalar_subquery()
    oldest_id = select_due(hook.id, role).with_only_columns(func.min(Delivery.id)).scalar_subquery()
    return select(Delivery).where(Delivery.id == oldest_id)


def record_outcome(ctx: Context, claim: Claim, outcome: Outcome) -> None:
    """Record an attempt, unless its lease has passed to another sender; then free the hook."""
    with ctx.transaction() as session:
        hook = session.scalar(select(Hook).where(Hook.id == claim.hook_id).with_for_update())
        if hook is None or hook.lease != claim.lease:
            return
        if delivery := session.get(Delivery, claim.delivery_id):
            delivery.record_outcome(outcome)
        hook.record_outcome(outcome)
        session.flush()
        pause = limit_pause(None if outcome.is_success else outcome.retry_after)
        set_lease(session, hook, None, now() + pause)


def set_lease(session: Session, hook: Hook, lease: str | None, free_at: datetime) -> None:
    """Change the row and not the entity, because a lease makes no new version of a hook."""
    values = {"lease": lease, "free_at": free_at, "updated_at": Hook.updated_at}
    session.execute(update(Hook.__table__).where(Hook.id == hook.id).values(values))


def measure_backlog(ctx: Context) -> Backlog:
    query = (
        select(func.count(), func.min(Delivery.next_attempt_at))
        .join(Hook, Hook.id == Delivery.hook_id)
        .where(Hook.status == ENABLED, IS_WAITING, Delivery.next_attempt_at <= now())
    )
    with ctx.connection() as connection:
        count, oldest = connection.execute(query).one()
    return Backlog(count, (now() - oldest).total_seconds() if oldest else 0.0)
