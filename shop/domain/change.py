"""A change of the catalogue: what other services read, in order, each once."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from shop.domain.base import Base, Id, now

CREATED, CHANGED, STOCKED, RETIRED = "created", "changed", "stocked", "retired"


class Change(Base):
    __tablename__ = "changes"
    __table_args__ = {"sqlite_autoincrement": True}

    seq: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    product_id: Mapped[int] = mapped_column(Id)
    price: Mapped[int] = mapped_column(Id)
    stock: Mapped[int] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(default=now)
