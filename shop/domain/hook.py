"""Hooks: receivers that are told of events; and deliveries, the messages to one of them."""

from datetime import datetime, timedelta
from typing import ClassVar

from marshmallow import fields, validate
from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Integer, String, literal_column, text
from sqlalchemy.ext.hybrid import hybrid_method
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from shop.domain.change import CHANGE_KINDS
from shop.domain.order import ORDER_STATES
from shop.domain.user import USER_EVENTS, User
from shop.model.entity import Base, Entity, Id, now
from shop.model.errors import Invalid
from shop.model.fields import BoundedList, InputSchema, PlainText
from shop.model.moves import MEMBER, OWNER, STAFF, move
from shop.storage.transactions import Actor
from shop.webhooks.addresses import MAX_URL
from shop.webhooks.retries import Outcome, compute_delay, limit_pause
from shop.webhooks.signatures import create_secret

ALL_EVENTS, PING = "*", "hook.ping"
ORDER_EVENTS = tuple(f"order.{state}" for state in ORDER_STATES)
STAFF_EVENTS = (*(f"product.{kind}" for kind in CHANGE_KINDS), *USER_EVENTS.values())
EVENTS = (ALL_EVENTS, *ORDER_EVENTS, *STAFF_EVENTS)

ENABLED, DISABLED = HOOK_STATES = ("enabled", "disabled")
WAITING, DELIVERED, FAILED = DELIVERY_STATES = ("waiting", "delivered", "failed")
OLD_SECRET_LIFETIME = timedelta(days=1)  # after a rotation
MAX_FAILING = timedelta(days=5)
DISABLED_BY_OWNER = "Its owner disabled it."


class Receiver(InputSchema):
    url = PlainText(
        1,
        MAX_URL,
        r"^https?://[\x21-\x7e]+$",
        "It must be a URL that begins with https://.",
        required=True,
        metadata={
            "description": "Where events are sent with POST: https, and a public address.",
            "examples": ["https://receiver.example/events"],
            "x-input": "url",
            "prompt": "URL",
        },
    )
    events = BoundedList(
        fields.String(validate=validate.OneOf(EVENTS)),
        1,
        len(EVENTS),
        required=True,
        metadata={
            "description": "The events that are sent; * is all that you may see. Those of products and "
            "accounts are for staff.",
            "examples": [["order.placed", "order.paid"]],
        },
    )
    description = PlainText(
        1, 200, metadata={"description": "What the hook is for.", "examples": ["The warehouse"]}
    )


class Hook(Entity):
    """A receiver. One sender at a time has its lease, so that its messages keep their order."""

    __tablename__ = "hooks"
    private = True

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    url: Mapped[str] = mapped_column(String(MAX_URL))
    events: Mapped[list[str]] = mapped_column(JSON)
    description: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(20), default=ENABLED)
    disabled_because: Mapped[str | None] = mapped_column(String(100))
    failing_since: Mapped[datetime | None]
    signing_secret: Mapped[str] = mapped_column(String(100))
    old_signing_secret: Mapped[str | None] = mapped_column(String(100))
    rotated_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    begins_after: Mapped[dict[str, int]] = mapped_column(
        JSON
    )  # the newest number of each feed at its creation
    lease: Mapped[str | None] = mapped_column(String(32))
    free_at: Mapped[datetime] = mapped_column(default=now)
    user: Mapped[User] = relationship()
    secret: ClassVar[str | None] = None  # in the answer to the move that made it, and nowhere else

    __table_args__ = (
        CheckConstraint(f"status IN {HOOK_STATES}", name="status"),
        Index(None, "status", "free_at"),
        {"sqlite_autoincrement": True},
    )

    @property
    def owner_id(self) -> int:
        return self.user_id

    @hybrid_method
    def is_visible_to(self, roles: frozenset[str], caller_id: int) -> bool:
        return self.user_id == caller_id

    @move(title="Add a hook", by=MEMBER, takes=Receiver)
    @classmethod
    def subscribe(
        cls,
        actor: Actor,
        url: str,
        events: list[str],
        begins_after: dict[str, int],
        description: str | None = None,
    ) -> "Hook":
        check_events(actor, events)
        hook = cls(
            user_id=actor.id, url=url, events=events, begins_after=begins_after, description=description
        )
        hook.secret = hook.signing_secret = create_secret()
        return hook

    @move(title="Change this hook", by=OWNER, takes=Receiver)
    def update(self, actor: Actor, **data: object) -> None:
        check_events(actor, data.get("events", []))
        for name, value in data.items():
            setattr(self, name, value)

    @move(title="Delete this hook", by=OWNER)
    def delete(self) -> None:
        object_session(self).delete(self)

    @move(source={DISABLED}, target=ENABLED, title="Enable this hook", by=OWNER)
    def enable(self) -> None:
        self.disabled_because = self.failing_since = None

    @move(source={ENABLED}, target=DISABLED, title="Disable this hook", by=OWNER)
    def disable(self) -> None:
        self.disabled_because = DISABLED_BY_OWNER

    @move(title="Make a new secret", by=OWNER)
    def rotate(self) -> None:
        """The old secret signs too for a day, so that a receiver can change it without losing a message."""
        self.old_signing_secret, self.rotated_at = self.signing_secret, now()
        self.secret = self.signing_secret = create_secret()

    @move(source={ENABLED}, title="Send a test message", by=OWNER)
    def ping(self) -> None:
        """The service adds a delivery."""

    def is_subscribed_to(self, event: str) -> bool:
        return event in self.events or ALL_EVENTS in self.events

    def list_secrets(self) -> list[str]:
        """Return the secrets that sign now, newest first."""
        secrets = [self.signing_secret]
        if self.old_signing_secret and now() < self.rotated_at + OLD_SECRET_LIFETIME:
            secrets.append(self.old_signing_secret)
        return secrets

    def record_outcome(self, outcome: Outcome) -> None:
        """Remember since when the receiver fails; give it up if it is gone, or after five days."""
        if outcome.is_success:
            self.failing_since = None
            return
        self.failing_since = self.failing_since or now()
        if outcome.is_gone:
            self.disable_because("The receiver answered with 410 (gone).")
        elif now() - self.failing_since >= MAX_FAILING:
            self.disable_because(f"All attempts have failed for {MAX_FAILING.days} days.")

    def disable_because(self, reason: str) -> None:
        if self.status == ENABLED:
            self.status, self.disabled_because = DISABLED, reason


def check_events(actor: Actor, events: list[str]) -> None:
    chosen = [event for event in events if event in STAFF_EVENTS]
    if chosen and actor.role != STAFF:
        raise Invalid(
            "Not all of these events are for you.", errors={"events": [f"Only staff: {chosen[0]}."]}
        )


class Delivery(Entity):
    """A message to a hook: an event, and what became of its attempts. Its body is written when it is sent."""

    __tablename__ = "deliveries"
    private = True

    hook_id: Mapped[int] = mapped_column(Id, ForeignKey("hooks.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"))
    message_id: Mapped[str] = mapped_column(String(60))
    event: Mapped[str] = mapped_column(String(30))
    subject_id: Mapped[int] = mapped_column(Id)  # of the order, the product, the account or the hook
    is_for_staff: Mapped[bool]  # the owner may see it only as staff
    happened_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(20), default=WAITING)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(default=now)
    last_attempt_at: Mapped[datetime | None]
    response_status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(String(100))
    duration_ms: Mapped[int | None] = mapped_column(Integer)

    __table_args__ = (
        CheckConstraint(f"status IN {DELIVERY_STATES}", name="status"),
        Index(None, "hook_id", "message_id", unique=True),
        Index(None, "hook_id", "status", "id"),
        Index(None, "user_id", "id"),
        Index(None, "created_at"),
        Index(
            "ix_deliveries_due", "hook_id", "next_attempt_at", "id",
            sqlite_where=text(f"status = '{WAITING}'"), postgresql_where=text(f"status = '{WAITING}'"),
        ),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    @property
    def owner_id(self) -> int:
        return self.user_id

    @hybrid_method
    def is_visible_to(self, roles: frozenset[str], caller_id: int) -> bool:
        return self.user_id == caller_id

    @move(source={DELIVERED, FAILED}, target=WAITING, title="Send it again", by=OWNER)
    def redeliver(self) -> None:
        """The message keeps its id, so that a receiver can tell that it had it before."""
        self.attempts, self.next_attempt_at = 0, now()

    def record_outcome(self, outcome: Outcome) -> None:
        self.attempts += 1
        self.last_attempt_at, self.duration_ms = now(), round(outcome.seconds * 1000)
        self.response_status, self.error = outcome.status, outcome.error or None
        delay = None if outcome.is_gone else compute_delay(self.attempts)
        if outcome.is_success or delay is None:
            self.status, self.next_attempt_at = (DELIVERED if outcome.is_success else FAILED), None
        else:
            self.next_attempt_at = now() + max(delay, limit_pause(outcome.retry_after))


# No parameter: a partial index is used for the same text only.
IS_WAITING = Delivery.status == literal_column(f"'{WAITING}'")


class FeedPosition(Base):
    """Up to which number of a feed the events are distributed to hooks."""

    __tablename__ = "feed_positions"

    feed: Mapped[str] = mapped_column(String(30), primary_key=True)
    seq: Mapped[int] = mapped_column(Id)
