"""A product of the catalogue."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, validates

from shop.domain.base import Entity, Id, fold, now
from shop.domain.errors import Conflict
from shop.domain.money import MAX as MAX_MONEY
from shop.domain.moves import STAFF, move
from shop.domain.shapes import MAX_STOCK, NewProduct, Restock

# Both databases sort and search what is folded here, byte by byte, so that both answer alike.
Folded = Text().with_variant(Text(collation="C"), "postgresql")


class Product(Entity):
    __tablename__ = "products"

    name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(Folded)
    description: Mapped[str] = mapped_column(Text)
    words: Mapped[str] = mapped_column(Folded)
    price: Mapped[int] = mapped_column(Id)
    stock: Mapped[int] = mapped_column(Id)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    retired_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(f"price BETWEEN 0 AND {MAX_MONEY}", name="price"),
        CheckConstraint(f"stock BETWEEN 0 AND {MAX_STOCK}", name="stock"),
        Index(None, "name_key", "id"),
        Index(None, "price", "id"),
        Index(None, "stock", "id"),
        Index(None, "created_at", "id"),
        {"sqlite_autoincrement": True},
    )

    @validates("name", "description")
    def _fold(self, field: str, value: str) -> str:
        name, description = (
            value if field == each else getattr(self, each) for each in ("name", "description")
        )
        self.name_key = fold(name or "")[:100]
        self.words = fold(f"{name or ''}\n{description or ''}")
        return value

    def visible(self, roles: frozenset[str]) -> bool:
        return self.retired_at is None

    @move(title="Add a product", by=STAFF, takes=NewProduct)
    @classmethod
    def create(cls, **data: Any) -> "Product":
        return cls(**{**data, "description": data["description"] or ""})

    @move(title="Change this product", by=STAFF, takes=NewProduct)
    def update(self, **data: Any) -> None:
        for name, value in data.items():
            setattr(self, name, "" if value is None else value)

    @move(title="Retire this product", by=STAFF)
    def delete(self) -> None:
        self.retired_at = now()

    @move(title="Add to the stock, or take from it", by=STAFF, takes=Restock)
    def restock(self, amount: int) -> None:
        if not 0 <= self.stock + amount <= MAX_STOCK:
            raise Conflict(
                f"The stock is {self.stock}; it must stay between 0 and {MAX_STOCK}.", stock=self.stock
            )
        self.stock += amount
