"""Checkouts per second on SQLite, compared with the bare sqlite3 module running the same statements.

python -m benchmarks.checkout
"""

import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex

from flask import Flask

from shop.app import create_app
from shop.cli.migrations import upgrade_database
from shop.domain.product import Product
from shop.domain.user import User
from shop.services import orders
from shop.services.context import ShopContext
from shop.settings import read_settings
from shop.storage.transactions import Actor

ROUNDS, CHECKOUTS, THREADS = 7, 150, 32
TURNS, BURST = 20, 5
UNPAID_ORDERS = 1_000_000
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF")
LINES = {"items": [{"product_id": 1, "quantity": 1}, {"product_id": 2, "quantity": 2}]}
NOW = "2026-01-31 12:00:00.000000"


def build_shop(folder: str, **settings: str) -> Flask:
    url = f"sqlite:///{Path(folder) / 'bench.db'}"
    quiet = {"SHOP_LOG_LEVEL": "ERROR", "SHOP_THREADS": str(THREADS), **settings}
    app = create_app(read_settings({"SHOP_SECRET_KEY": token_hex(32), "SHOP_DATABASE_URL": url, **quiet}))
    with app.app_context():
        upgrade_database()
        session = app.extensions["sqlalchemy"].session
        session.add_all(
            Product(name=name, description="", price=8950, stock=2**30) for name in ("Desk", "Lamp")
        )
        session.add(User(username="ada", email="ada@shop.example"))
        session.commit()
    return app


def build_bare_checkout(path: str) -> Callable[[], None]:
    """Return a checkout of two lines that only runs its SQL statements."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")

    def checkout() -> None:
        run = connection.execute
        run("BEGIN IMMEDIATE")
        for id, quantity in ((1, 1), (2, 2)):
            row = run(
                "UPDATE products SET stock = stock - ?, version = version + 1, updated_at = ? "
                "WHERE id = ? AND stock BETWEEN ? AND 2147483647 AND retired_at IS NULL "
                "RETURNING id, name, price, stock", (quantity, NOW, id, quantity),
            ).fetchone()  # fmt: skip
            run("INSERT INTO changes (kind, product_id, price, stock, at) VALUES ('stocked', ?, ?, ?, ?)",
                (id, row[2], row[3], NOW))  # fmt: skip
        order = run("INSERT INTO orders (user_id, status, total, currency, created_at, updated_at, version) "
                    "VALUES (1, 'placed', 26850, 'USD', ?, ?, 1)", (NOW, NOW)).lastrowid  # fmt: skip
        for id, quantity in ((1, 1), (2, 2)):
            run("INSERT INTO order_items VALUES (?, ?, 'Desk', 8950, ?)", (order, id, quantity))
        run("INSERT INTO order_steps (order_id, move, by, at) VALUES (?, 'create', 1, ?)", (order, NOW))
        run("COMMIT")

    return checkout


def build_shop_checkout(app: Flask) -> Callable[[], None]:
    db = app.extensions["sqlalchemy"]

    def checkout() -> None:
        orders.place_order(
            ShopContext(db.session(), Actor(1, "customer", ""), max_unpaid_orders=UNPAID_ORDERS), LINES
        )
        db.session.remove()

    return checkout


def measure_rate(checkout: Callable[[], None], count: int = CHECKOUTS) -> float:
    began = time.perf_counter()
    for _ in range(count):
        checkout()
    return count / (time.perf_counter() - began)


def measure_share(app: Flask, plain: Callable[[], None]) -> float:
    """Return the shop's rate as a share of bare sqlite3's: the median of short turns, side by side."""
    with app.app_context():
        shop = build_shop_checkout(app)
        shares = [1 / measure_rate(plain, BURST) * measure_rate(shop, BURST) for _ in range(TURNS)]
    return statistics.median(shares)


def measure_waits(app: Flask, each: int = 20) -> list[float]:
    """Return the time of each checkout when all threads start at once."""
    found: list[float] = []

    def repeat_checkout() -> None:
        with app.app_context():
            for _ in range(each):
                began = time.perf_counter()
                build_shop_checkout(app)()
                found.append(time.perf_counter() - began)

    threads = [threading.Thread(target=repeat_checkout) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = build_shop(folder)
        plain = build_bare_checkout(str(Path(folder) / "bench.db"))
        with app.app_context():
            pairs = [(measure_rate(plain), measure_rate(build_shop_checkout(app))) for _ in range(ROUNDS)]
        ratios = sorted(shop / sqlite for sqlite, shop in pairs)
        print(f"bare sqlite3   {statistics.median(each[0] for each in pairs):7.0f} checkouts/s")  # noqa: T201
        print(f"shop services  {statistics.median(each[1] for each in pairs):7.0f} checkouts/s")  # noqa: T201
        print(f"ratio          {statistics.median(ratios):7.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")  # noqa: T201
        found = measure_waits(app)
        print(f"{THREADS} threads: median wait {found[len(found) // 2]:.3f} s, worst {found[-1]:.3f} s")  # noqa: T201


if __name__ == "__main__":
    main()
