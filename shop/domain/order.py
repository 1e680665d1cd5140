"""Orders: placed, paid, shipped and delivered, or cancelled or refunded."""

from datetime import datetime
from typing import Any

from marshmallow import fields
from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_method
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from shop.domain.change import STOCKED, record_change
from shop.domain.product import MAX_QUANTITY, Product, adjust_stock
from shop.domain.user import User
from shop.model.entity import Base, Entity, Id, make_row_type, now
from shop.model.errors import Conflict
from shop.model.fields import BoundedList, InputSchema, PlainText, StrictInteger
from shop.model.money import MAX_TOTAL
from shop.model.moves import MEMBER, OWNER, STAFF, get_moves, move
from shop.storage.change_log import FeedRow, build_feed_indexes

PLACED, PAID, SHIPPED, DELIVERED, CANCELLED, REFUNDED = ORDER_STATES = (
    "placed", "paid", "shipped", "delivered", "cancelled", "refunded",
)  # fmt: skip
IS_UNPAID = text(f"status = '{PLACED}'")  # no parameter: partial indexes are used for the same text only
MAX_LINES = 100


class Line(InputSchema):
    product_id = StrictInteger(1, 10**18 - 1, required=True, metadata={"examples": [1]})
    quantity = StrictInteger(1, MAX_QUANTITY, required=True, metadata={"examples": [2]})


class NewOrder(InputSchema):
    items = BoundedList(
        fields.Nested(Line), 1, MAX_LINES, required=True,
        metadata={"description": "The products and how many of each."},
    )  # fmt: skip


class Payment(InputSchema):
    reference = PlainText(
        1,
        100,
        required=True,
        metadata={
            "description": "What the bank or the till calls the payment.",
            "examples": ["bank transfer 2026-0042"],
        },
    )


class Shipment(InputSchema):
    tracking = PlainText(
        1,
        100,
        required=True,
        metadata={
            "description": "The number by which the carrier finds the parcel.",
            "examples": ["JD0002 1234 5678"],
        },
    )


class Item(Base):
    """A line of an order with the name and price at the time of the purchase."""

    __tablename__ = "order_items"

    order_id: Mapped[int] = mapped_column(Id, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True)
    product_id: Mapped[int] = mapped_column(Id, ForeignKey("products.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    unit_price: Mapped[int] = mapped_column(Id)
    quantity: Mapped[int] = mapped_column(Id)
    product: Mapped[Product] = relationship(lazy="selectin", viewonly=True)

    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"), Index(None, "product_id"))

    @property
    def total(self) -> int:
        return self.unit_price * self.quantity

    @property
    def is_sold(self) -> bool:
        """Whether the product is still sold."""
        return self.product.retired_at is None


class Step(FeedRow, Base):
    """A move of an order: which one, by whom and when."""

    __tablename__ = "order_steps"
    __table_args__ = build_feed_indexes("order_steps")

    order_id: Mapped[int] = mapped_column(Id, ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    move: Mapped[str] = mapped_column(String(20))
    by: Mapped[int] = mapped_column(Id)
    at: Mapped[datetime]


class Order(Entity):
    __tablename__ = "orders"
    private = True

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("users.id"))
    status: Mapped[str] = mapped_column(String(20), default=PLACED)
    total: Mapped[int] = mapped_column(Id)
    currency: Mapped[str] = mapped_column(String(3))
    reference: Mapped[str | None] = mapped_column(String(100))
    tracking: Mapped[str | None] = mapped_column(String(100))
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    user: Mapped[User] = relationship(lazy="selectin")
    items: Mapped[list[Item]] = relationship(lazy="selectin", order_by=Item.product_id)
    history: Mapped[list[Step]] = relationship(lazy="selectin", order_by=Step.id)

    __table_args__ = (
        CheckConstraint(f"status IN {ORDER_STATES}", name="status"),
        CheckConstraint(f"total BETWEEN 0 AND {MAX_TOTAL}", name="total"),
        Index(None, "user_id", "id"),
        Index(None, "status", "id"),
        Index("ix_orders_unpaid", "user_id", "id", sqlite_where=IS_UNPAID, postgresql_where=IS_UNPAID),
        {"sqlite_autoincrement": True},
    )

    @property
    def owner_id(self) -> int:
        return self.user_id

    @hybrid_method
    def is_visible_to(self, roles: frozenset[str], caller_id: int) -> Any:
        return (self.user_id == caller_id) | (STAFF in roles)

    @property
    def customer_erased_at(self) -> datetime | None:
        """When the account of the customer was deleted."""
        return self.user.erased_at

    def record_move(self, move: str, by: int | None) -> None:
        self.history.append(Step(move=move, by=by, at=now()))

    @move(title="Place an order", by=MEMBER, takes=NewOrder)
    @classmethod
    def create(cls, *, user_id: int, currency: str, items: list["ItemRow"]) -> "OrderRow":
        """Return the row of a new order, which has no id yet."""
        total, at = sum(item.total for item in items), now()
        if total > MAX_TOTAL:
            raise Conflict("This is more than one order can cost; place several.")
        return OrderRow(
            id=0, user_id=user_id, status=PLACED, total=total, currency=currency, reference=None,
            tracking=None, created_at=at, updated_at=at, version=1, customer_erased_at=None,
            items=tuple(items), history=(StepRow("create", user_id, at),),
        )  # fmt: skip

    @move(source={PLACED}, target=PAID, title="Mark as paid", by=STAFF, takes=Payment)
    def pay(self, reference: str) -> None:
        self.reference = reference

    @move(source={PAID}, target=SHIPPED, title="Mark as shipped", by=STAFF, takes=Shipment)
    def ship(self, tracking: str) -> None:
        self.tracking = tracking

    @move(source={SHIPPED}, target=DELIVERED, title="Mark as delivered", by={STAFF, OWNER})
    def deliver(self) -> None: ...

    @move(source={PLACED}, target=CANCELLED, title="Cancel this order", by={STAFF, OWNER})
    def cancel(self) -> None:
        self.return_stock()

    @move(source={PAID}, target=REFUNDED, title="Refund this order", by=STAFF)
    def refund(self) -> None:
        self.return_stock()

    def return_stock(self) -> None:
        """Return all items to the stock, in the order of their ids to avoid deadlocks."""
        session = object_session(self)
        for item in self.items:
            product = adjust_stock(session.connection(), item.product_id, item.quantity)
            if product is None:
                raise Conflict(f"There is no room in the stock for {item.name}.")
            record_change(session, product, STOCKED)


def find_status_after(move_name: str) -> str:
    """Return the status of an order after a step."""
    return get_moves(Order)[move_name].target or PLACED


class ItemRow(make_row_type(Item, "product_id", "name", "unit_price", "quantity", more=("is_sold",))):
    """A line of an order, for reads that change nothing; it has the members of an item."""

    __slots__ = ()
    total = Item.total


StepRow = make_row_type(Step, "move", "by", "at")


class OrderRow(
    make_row_type(
        Order, "id", "user_id", "status", "total", "currency", "reference", "tracking", "created_at",
        "updated_at", "version", more=("customer_erased_at", "items", "history"),
    )
):  # fmt: skip
    """An order, for reads that change nothing; it has the members of an order."""

    __slots__ = ()
    owner_id = Order.owner_id
