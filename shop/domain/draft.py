"""Drafts: orders of several products before they are placed."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.ext.hybrid import hybrid_method
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from shop.domain.order import MAX_LINES, Line
from shop.domain.product import MAX_QUANTITY, Product
from shop.domain.user import User
from shop.model.entity import Base, Entity, Id, now
from shop.model.errors import Conflict
from shop.model.fields import InputSchema, Money, StrictInteger
from shop.model.money import MAX_TOTAL
from shop.model.moves import MEMBER, OWNER, move
from shop.storage.transactions import Actor

LIFETIME = timedelta(days=7)  # since the last change
EMPTY = "the draft is empty"


class LineToAdd(Line):
    """A product, and how many more of it."""


class LineToRemove(InputSchema):
    product_id = StrictInteger(1, 10**18 - 1, required=True, metadata={"examples": [1]})


class Placement(InputSchema):
    total = Money(
        maximum=MAX_TOTAL,
        metadata={"description": "The total that you saw; another one is refused.", "x-input": "hidden"},
    )


class DraftLine(Base):
    """A product of a draft; its price is that of the product until the draft is placed."""

    __tablename__ = "draft_lines"

    draft_id: Mapped[int] = mapped_column(Id, ForeignKey("drafts.id", ondelete="CASCADE"), primary_key=True)
    product_id: Mapped[int] = mapped_column(Id, ForeignKey("products.id"), primary_key=True, index=True)
    quantity: Mapped[int] = mapped_column(Id)
    product: Mapped[Product] = relationship(lazy="selectin")

    __table_args__ = (CheckConstraint(f"quantity BETWEEN 1 AND {MAX_QUANTITY}", name="quantity"),)

    @property
    def name(self) -> str:
        return self.product.name

    @property
    def unit_price(self) -> int:
        return self.product.price

    @property
    def total(self) -> int:
        return self.unit_price * self.quantity

    @property
    def is_sold(self) -> bool:
        return self.product.retired_at is None


def has_items(draft: "Draft") -> bool:
    return bool(draft.items)


class Draft(Entity):
    """Products that a customer may order together. No stock is reserved before the draft is placed."""

    __tablename__ = "drafts"
    private = True

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    items: Mapped[list[DraftLine]] = relationship(
        lazy="selectin", order_by=DraftLine.product_id, cascade="all, delete-orphan", passive_deletes=True
    )
    user: Mapped[User] = relationship()

    @property
    def owner_id(self) -> int:
        return self.user_id

    @property
    def total(self) -> int:
        return sum(item.total for item in self.items)

    @hybrid_method
    def is_visible_to(self, roles: frozenset[str], caller_id: int) -> Any:
        return (self.user_id == caller_id) & (self.expires_at > now())

    @move(title="Start an order", by=MEMBER)
    @classmethod
    def draft(cls, actor: Actor) -> "Draft":
        return cls(user_id=actor.id, expires_at=now() + LIFETIME, items=[])

    @move(title="Add a product", by=OWNER, takes=LineToAdd)
    def add(self, product_id: int, quantity: int) -> None:
        line = self.find_line(product_id) or self.start_line(product_id)
        line.quantity += quantity
        if line.quantity > MAX_QUANTITY:
            raise Conflict(f"One order may have at most {MAX_QUANTITY} of one product.")
        if self.total > MAX_TOTAL:
            raise Conflict("This is more than one order can cost; place several.")
        self.expires_at = now() + LIFETIME

    @move(title="Remove a product", by=OWNER, takes=LineToRemove, when=has_items, otherwise=EMPTY)
    def remove(self, product_id: int) -> None:
        if not (line := self.find_line(product_id)):
            raise Conflict("This product is not in the draft.", members={"product_id": ["It is not there."]})
        self.items.remove(line)
        self.expires_at = now() + LIFETIME

    @move(title="Place this order", by=OWNER, takes=Placement, when=has_items, otherwise=EMPTY)
    def place(self, total: int | None = None) -> None:
        """The service places an order of the lines."""

    @move(title="Discard this order", by=OWNER)
    def delete(self) -> None:
        object_session(self).delete(self)

    def find_line(self, product_id: int) -> DraftLine | None:
        return next((item for item in self.items if item.product_id == product_id), None)

    def start_line(self, product_id: int) -> DraftLine:
        product = object_session(self).get(Product, product_id)
        if product is None or product.retired_at:
            raise Conflict("There is no such product.", members={"product_id": ["It is not sold."]})
        if len(self.items) >= MAX_LINES:
            raise Conflict(f"One order may have at most {MAX_LINES} products.")
        line = DraftLine(product_id=product_id, product=product, quantity=0)
        self.items.append(line)
        return line
