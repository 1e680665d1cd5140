"""The tables of the other frameworks, as their docs would define them, with the same products."""

from datetime import datetime
from secrets import token_hex

import jwt
from sqlalchemy import (
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    insert,
    text,
)

from benchmarks.catalogue import FIRST_DATE, build_batches, build_product
from shop.domain.passwords import hash_password

USERNAME, PASSWORD, SECRET = "grace", token_hex(12), token_hex(32)
OWN_ORDERS = 100  # of the user, from the first id on
METADATA = MetaData()


def build_times() -> list[Column[datetime]]:
    return [Column(name, DateTime(timezone=True), nullable=False) for name in ("created_at", "updated_at")]


USERS = Table(
    "users", METADATA,
    Column("id", Integer, primary_key=True),
    Column("username", String(80), nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
)  # fmt: skip
PRODUCTS = Table(
    "products", METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("description", Text, nullable=False),
    Column("price", Float, nullable=False),
    Column("stock", Integer, nullable=False),
    *build_times(),
    Index("products_price", "price", "id"),
)  # fmt: skip
ORDERS = Table(
    "orders", METADATA,
    Column("id", Integer, primary_key=True),
    Column("user_id", ForeignKey("users.id"), index=True),
    Column("status", String(20), nullable=False),
    Column("total", Float, nullable=False),
    Column("currency", String(3), nullable=False),
    *build_times(),
)  # fmt: skip
ITEMS = Table(
    "order_items", METADATA,
    Column("id", Integer, primary_key=True),
    Column("order_id", ForeignKey("orders.id"), nullable=False, index=True),
    Column("product_id", ForeignKey("products.id"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("unit_price", Float, nullable=False),
    Column("quantity", Integer, nullable=False),
)  # fmt: skip


def fill_database(url: str, count: int) -> None:
    """Write this many products, a user and its orders to an empty database."""
    engine = create_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("PRAGMA journal_mode = WAL"))
    METADATA.create_all(engine)
    moments = {"created_at": FIRST_DATE, "updated_at": FIRST_DATE}
    with engine.begin() as connection:
        for batch in build_batches(count):
            rows = [{**goods, "price": goods["price"] / 100, **moments} for goods in batch]
            connection.execute(insert(PRODUCTS), rows)
        connection.execute(insert(USERS).values(username=USERNAME, password_hash=hash_password(PASSWORD)))
        orders = [{"user_id": 1, "status": "placed", "currency": "USD", **moments,
                   "total": sum(item["unit_price"] for item in build_items(number, count))}
                  for number in range(1, OWN_ORDERS + 1)]  # fmt: skip
        connection.execute(insert(ORDERS), orders)
        items = [item for number in range(1, OWN_ORDERS + 1) for item in build_items(number, count)]
        connection.execute(insert(ITEMS), items)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def build_items(number: int, count: int) -> list[dict[str, object]]:
    """Build the two items of the order with this number."""
    return [
        {"order_id": number, "product_id": id, "name": build_product(id)["name"], "quantity": 1,
         "unit_price": build_product(id)["price"] / 100}
        for id in (number % count + 1, (number + 1) % count + 1)
    ]  # fmt: skip


def build_settings(url: str) -> dict[str, str]:
    return {"BENCH_DATABASE": url, "BENCH_SECRET": SECRET}


def build_headers(root: str) -> dict[str, str]:
    """Return the headers of the user, with a token as its framework would sign it."""
    return {"Authorization": f"Bearer {jwt.encode({'sub': '1'}, SECRET, 'HS256')}"}


def find_own_order(root: str, headers: dict[str, str], number: int) -> str:
    return f"/orders/{number % OWN_ORDERS + 1}"
