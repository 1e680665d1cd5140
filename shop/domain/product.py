"""Products of the catalogue."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Connection, Index, Row, String, Text, bindparam, or_, text, update
from sqlalchemy.ext.hybrid import hybrid_method
from sqlalchemy.orm import Mapped, mapped_column, object_session, validates

from shop.domain.change import CHANGED, CREATED, RETIRED, STOCKED, record_change
from shop.model.entity import Entity, Id, make_row_type, normalize_text, now
from shop.model.errors import Conflict
from shop.model.fields import TEXT_PATTERN, InputSchema, Money, PlainText, StrictInteger
from shop.model.money import MAX_MONEY
from shop.model.moves import MEMBER, STAFF, move
from shop.storage.database import CONFLICT
from shop.storage.prepared_queries import PreparedQuery

# Both databases compare normalized text byte by byte, so that they sort and search alike.
NormalizedText = Text().with_variant(Text(collation="C"), "postgresql")


# Retired products are never listed, so the indexes leave them out.
INDEXED_COLUMNS, NOT_RETIRED = ("name_key", "price", "stock", "created_at"), text("retired_at IS NULL")
CHANGE_OF_MOVE = {"create": CREATED, "update": CHANGED, "restock": STOCKED, "delete": RETIRED}


MAX_STOCK = 2**31 - 1
MAX_QUANTITY = 10_000


class NewProduct(InputSchema):
    name = PlainText(1, 100, required=True, metadata={"examples": ["Walnut desk"]})
    description = PlainText(
        0,
        5000,
        TEXT_PATTERN,
        load_default="",
        allow_none=True,
        metadata={"examples": ["Oiled, 140 cm wide."]},
    )
    price = Money(required=True)
    stock = StrictInteger(0, MAX_STOCK, load_default=0, metadata={"examples": [12]})


class Restock(InputSchema):
    amount = StrictInteger(-MAX_STOCK, MAX_STOCK, required=True, metadata={"examples": [25]})


class Purchase(InputSchema):
    quantity = StrictInteger(1, MAX_QUANTITY, required=True, metadata={"examples": [2]})


class OutOfStock(Conflict):
    """Some lines ask for more than the stock; `lines` names each one with the stock that is left."""

    code = "out_of_stock"


class Product(Entity):
    __tablename__ = "products"

    name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(NormalizedText)
    description: Mapped[str] = mapped_column(Text)
    words: Mapped[str] = mapped_column(NormalizedText)
    price: Mapped[int] = mapped_column(Id)
    stock: Mapped[int] = mapped_column(Id)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    retired_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(f"price BETWEEN 0 AND {MAX_MONEY}", name="price"),
        CheckConstraint(
            f"stock BETWEEN 0 AND {MAX_STOCK}",
            name="stock",
            info={CONFLICT: "There is no room in the stock for that."},
        ),
        *(
            Index(
                f"ix_products_live_{key}", key, "id", sqlite_where=NOT_RETIRED, postgresql_where=NOT_RETIRED
            )
            for key in INDEXED_COLUMNS
        ),
        {"sqlite_autoincrement": True},
    )

    @validates("name", "description")
    def _fold(self, field: str, value: str) -> str:
        name, description = (
            value if field == member else getattr(self, member) for member in ("name", "description")
        )
        self.name_key = normalize_text(name or "")[:100]
        self.words = normalize_text(f"{name or ''}\n{description or ''}")
        return value

    @hybrid_method
    def is_visible_to(self, roles: frozenset[str], caller_id: int) -> Any:
        return self.retired_at == None  # noqa: E711

    @move(title="Add a product", by=STAFF, takes=NewProduct)
    @classmethod
    def create(cls, **data: Any) -> "Product":
        return cls(**{**data, "description": data["description"] or ""})

    @move(title="Change this product", by=STAFF, takes=NewProduct)
    def update(self, **data: Any) -> None:
        for name, value in data.items():
            setattr(self, name, "" if value is None else value)

    @move(title="Stop selling this product", by=STAFF)
    def delete(self) -> None:
        self.retired_at = now()

    @move(
        title="Buy now",
        by=MEMBER,
        when=lambda product: product.stock > 0,
        otherwise="the product is sold out",
        takes=Purchase,
    )
    def buy(self, quantity: int) -> dict[str, Any]:
        """Return the input of an order for this product alone."""
        return {"items": [{"product_id": self.id, "quantity": quantity}]}

    @move(title="Adjust the stock", by=STAFF, takes=Restock)
    def restock(self, amount: int) -> None:
        if not 0 <= self.stock + amount <= MAX_STOCK:
            raise Conflict(
                f"The stock is {self.stock}; it must stay between 0 and {MAX_STOCK}.", stock=self.stock
            )
        self.stock += amount

    def record_move(self, move: str, by: int | None) -> None:
        session = object_session(self)
        if move in CHANGE_OF_MOVE and session.is_modified(self):
            session.flush()  # a new product has its id from the database
            record_change(session, self, CHANGE_OF_MOVE[move])


ProductRow = make_row_type(
    Product, "id", "name", "description", "price", "stock", "created_at", "updated_at", "version", "name_key"
)

# Prepared once, because every line of every order uses it (`python -m benchmarks.checkout`).
PRODUCTS_TABLE = Product.__table__
ADJUST_STOCK = PreparedQuery(
    update(PRODUCTS_TABLE)
    .where(
        PRODUCTS_TABLE.c.id == bindparam("product"),
        PRODUCTS_TABLE.c.stock.between(bindparam("lowest"), bindparam("highest")),
    )
    .where(or_(PRODUCTS_TABLE.c.retired_at.is_(None), bindparam("amount") > 0))
    .values(
        stock=PRODUCTS_TABLE.c.stock + bindparam("amount"),
        version=PRODUCTS_TABLE.c.version + 1,
        updated_at=bindparam("at"),
    )
    .returning(PRODUCTS_TABLE.c.id, PRODUCTS_TABLE.c.name, PRODUCTS_TABLE.c.price, PRODUCTS_TABLE.c.stock)
)


def adjust_stock(connection: Connection, product_id: int, amount: int) -> Row[Any] | None:
    """Adjust a stock with one atomic statement; return the row, or None if the stock does not allow it.

    The caller records the change.
    """
    bounds = {"lowest": max(0, -amount), "highest": MAX_STOCK - max(0, amount)}
    words = {"product": product_id, "amount": amount, "at": now(), **bounds}
    return ADJUST_STOCK.run(connection, **words).one_or_none()
