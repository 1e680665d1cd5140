"""A nested query over GraphQL compared with REST: requests, statements, bytes, milliseconds.

python -m benchmarks.graphql
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from benchmarks.checkout import build_shop
from shop.domain.order import Item, Order, Step
from shop.domain.product import Product
from shop.domain.user import User
from shop.model.entity import now
from shop.services.tokens import open_login
from shop.storage.transactions import Context

USERS, ORDERS, ITEMS, ROUNDS = 50, 5, 2, 7
QUERY = f"""{{ users(first: {USERS}) {{ nodes {{ username orders(first: {ORDERS}) {{
    id total status items {{ quantity product {{ name price }} }} }} }} }} }}"""


@dataclass
class Tally:
    """The requests, bytes and statements that one kind of client needs to read all data."""

    client: FlaskClient
    headers: dict[str, str]
    requests: int = 0
    size: int = 0
    statements: list[str] = field(default_factory=list)

    def get(self, url: str, **words: Any) -> Any:
        return self.record(self.client.get(url, query_string=words or None, headers=self.headers))

    def post(self, url: str, body: Any) -> Any:
        return self.record(self.client.post(url, json=body, headers=self.headers))

    def record(self, answer: Any) -> Any:
        assert answer.status_code == 200, answer.text  # noqa: S101
        self.requests, self.size = self.requests + 1, self.size + len(answer.data)
        return answer.json


def add_orders(app: Flask) -> str:
    """Add users with orders of products; return the token of one of them, who is staff."""
    with app.app_context():
        session = app.extensions["sqlalchemy"].session()
        goods = [Product(name=f"Product {n}", description="", price=8950, stock=9) for n in range(100)]
        users = [User(username=f"user{n}", email=f"u{n}@shop.example") for n in range(USERS - 1)]
        session.add_all([*goods, *users])
        session.flush()
        for n, user in enumerate(session.query(User).all()):
            for k in range(ORDERS):
                chosen = [goods[(n * ORDERS + k + i) % 100].id for i in range(ITEMS)]
                items = [Item(product_id=id, name="Product", unit_price=8950, quantity=1) for id in chosen]
                made = Order(user_id=user.id, currency="USD", total=17900, items=items)
                made.history = [Step(move="create", by=user.id, at=now())]
                session.add(made)
        users[0].role = "staff"
        session.commit()
        return open_login(Context(session), app.extensions["shop"].signer, users[0].id).access_token


def query_graphql(tally: Tally) -> None:
    tally.post("/graphql", {"query": QUERY})


def follow_links(tally: Tally, embed: bool = False) -> None:
    """Read the data as a client that follows links and gets each product once."""
    products: dict[str, Any] = {}
    for user in tally.get("/api/v1/users", per_page=USERS)["_embedded"]["item"]:
        if embed:
            page = tally.get(user["_links"]["self"]["href"], embed="orders")["_embedded"]["orders"]
        else:
            page = tally.get(user["_links"]["orders"]["href"], per_page=ORDERS)
        for order in page["_embedded"]["item"]:
            for item in order["items"]:
                href = item["_links"]["product"]["href"]
                if href not in products:
                    products[href] = tally.get(href)


def read_lists(tally: Tally) -> None:
    """Read the data as a client that knows the lists and joins them."""
    tally.get("/api/v1/users", per_page=USERS)
    for url in ("/api/v1/orders", "/api/v1/products"):
        page = tally.get(url, per_page=100)
        while following := page["_links"].get("next"):
            page = tally.get(following["href"])


CLIENTS: dict[str, Callable[[Tally], None]] = {
    "GraphQL": query_graphql,
    "REST, links": follow_links,
    "REST, embed=orders": lambda tally: follow_links(tally, embed=True),
    "REST, whole lists": read_lists,
}


def measure(app: Flask, token: str, read: Callable[[Tally], None]) -> tuple[Tally, float]:
    times = []
    for _ in range(ROUNDS):
        tally = Tally(app.test_client(), {"Authorization": f"Bearer {token}"})

        def count(_: Any, __: Any, statement: str, *___: Any, tally: Tally = tally) -> None:
            tally.statements += [statement] * (not statement.startswith("BEGIN"))

        with app.app_context():
            engine = app.extensions["shop"].engine
        event.listen(engine, "before_cursor_execute", count)
        began = time.perf_counter()
        read(tally)
        times.append(time.perf_counter() - began)
        event.remove(engine, "before_cursor_execute", count)
    return tally, statistics.median(times) * 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = build_shop(folder, SHOP_RATE_LIMIT="1000000/second", SHOP_MAX_UNPAID_ORDERS="1000000")
        token = add_orders(app)
        print(f"{'':20}{'requests':>10}{'statements':>12}{'bytes':>10}{'ms':>8}")  # noqa: T201
        for name, read in CLIENTS.items():
            tally, ms = measure(app, token, read)
            print(f"{name:20}{tally.requests:10}{len(tally.statements):12}{tally.size:10}{ms:8.0f}")  # noqa: T201


if __name__ == "__main__":
    main()
