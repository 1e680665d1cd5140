"""The cost of simpler code: entities instead of rows, and session.add instead of a bulk insert.

python -m benchmarks.alternatives
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from statistics import median
from time import process_time
from typing import Any
from unittest.mock import patch

from click import echo
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import Session

from benchmarks.checkout import LINES, build_shop
from benchmarks.prices import LIMIT, PASSWORD
from shop.domain.order import Item, Order, OrderRow, Step
from shop.domain.passwords import hash_password
from shop.domain.product import Product
from shop.domain.user import User
from shop.hypermedia.resources import Resource
from shop.services import orders, products
from shop.storage.pagination import Page, SortOrder, paginate
from shop.storage.transactions import Context

ROUNDS, REQUESTS, CATALOGUE = 25, 20, 200
LISTED = select(Product).where(Product.retired_at.is_(None))
BY_ID = LISTED.where(Product.id == bindparam("id"))
Request = Callable[[], Any]


def get_entity(ctx: Context, id: int) -> Product:
    return ctx.session.scalars(BY_ID, {"id": id}).one()


def list_entities(ctx: Context, search: dict[str, Any]) -> Page:
    order = SortOrder(products.SORT_COLUMNS[search["sort"]], Product.id, descending=search["order"] == "desc")
    return paginate(ctx, products.build_page_queries(ctx, LISTED, search), order, search)


def add_order(connection: Connection, row: OrderRow) -> OrderRow:
    values = {name: value for name, value in row._asdict().items() if name in Order.__table__.c}
    items = [
        Item(**{name: value for name, value in item._asdict().items() if name in Item.__table__.c})
        for item in row.items
    ]
    history = [Step(**step._asdict()) for step in row.history]
    with Session(connection, join_transaction_mode="create_savepoint") as session, session.begin():
        order = Order(**{**values, "id": None}, items=items, history=history)
        session.add(order)
        session.flush()
        return row._replace(id=order.id)


@contextmanager
def use_alternatives() -> Iterator[None]:
    with (
        patch.object(Resource, "find_one", lambda _, ctx, id: get_entity(ctx, id)),
        patch.object(Resource, "find_page", lambda _, ctx, search: list_entities(ctx, search)),
        patch.object(orders, "insert_order", add_order),
    ):
        yield


def fill_catalogue(app: Flask) -> None:
    with app.app_context():
        session = app.extensions["sqlalchemy"].session
        session.get(User, 1).password_hash = hash_password(PASSWORD)
        session.add_all(
            Product(name=f"Desk {number}", description="Oiled, 140 cm wide.", price=number, stock=5)
            for number in range(CATALOGUE)
        )
        session.commit()


def build_requests(client: FlaskClient) -> dict[str, Request]:
    """Return requests of a customer that the cache does not answer, because each is another one."""
    numbers = count()
    login = {"username": "ada", "password": PASSWORD}
    own = {"Authorization": f"Bearer {client.post('/api/v1/tokens', json=login).json['access_token']}"}
    return {
        "one product": lambda: client.get("/api/v1/products/1", headers={**own, "Host": f"h{next(numbers)}"}),
        "list of 20": lambda: client.get("/api/v1/products", headers={**own, "Host": f"h{next(numbers)}"}),
        "order of two lines": lambda: client.post("/api/v1/orders", json=LINES, headers=own),
    }


def measure(request: Request) -> float:
    """Return the milliseconds of processor time per request."""
    began = process_time()
    for _ in range(REQUESTS):
        if (status := request().status_code) >= 400:
            raise RuntimeError(status)
    return (process_time() - began) / REQUESTS * 1000


def measure_pair(request: Request) -> tuple[float, float]:
    shop_time = measure(request)
    with use_alternatives():
        return shop_time, measure(request)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="alternatives-") as folder:
        limits = {"SHOP_RATE_LIMIT": f"{LIMIT}/day", "SHOP_MAX_UNPAID_ORDERS": str(LIMIT)}
        app = build_shop(folder, **limits)
        fill_catalogue(app)
        echo(
            "| answer | milliseconds | with simpler code | ratio of the rates |\n| --- | ---: | ---: | ---: |"
        )
        for name, request in build_requests(app.test_client()).items():
            measure_pair(request)
            pairs = [measure_pair(request) for _ in range(ROUNDS)]
            shop_time, simpler = (median(times) for times in zip(*pairs, strict=True))
            echo(f"| {name} | {shop_time:.2f} | {simpler:.2f} | {shop_time / simpler:.2f} |")


if __name__ == "__main__":
    main()
