"""Each level of a query costs one statement, no matter how many rows it has."""

from collections.abc import Callable

import pytest
from flask import Flask

from shop.domain.order import Item, Order, Step
from shop.domain.product import Product
from shop.domain.user import User
from shop.model.entity import now

BACKENDS = ["sqlite", "postgresql"]


@pytest.fixture
def many_orders(app: Flask, staff) -> None:
    """Fifty users with three orders each, of two products each."""
    with app.app_context():
        session = app.extensions["sqlalchemy"].session
        goods = [Product(name=f"P{n}", description="", price=100, stock=5) for n in range(20)]
        users = [User(username=f"user{n}", email=f"user{n}@shop.example") for n in range(49)]
        session.add_all([*goods, *users])
        session.flush()
        for user in session.query(User).all():
            for n in range(3):
                items = [Item(product_id=goods[(user.id + n + k) % 20].id, name="P", unit_price=100, quantity=1)
                         for k in (0, 1)]  # fmt: skip
                order = Order(user_id=user.id, currency="USD", total=200, items=items)
                order.history = [Step(move="create", by=user.id, at=now())]
                session.add(order)
        session.commit()


@pytest.fixture
def count_statements(many_orders, fetch_data, staff, statements) -> Callable[[str], int]:
    """Runs a query and counts its statements, without the one that identifies the caller."""

    def run_and_count(query: str) -> int:
        statements.clear()
        fetch_data(staff, query)
        return len([each for each in statements if not each.startswith("BEGIN")]) - 1

    return run_and_count


ITEMS = "items { quantity product { name price can } }"


@pytest.mark.parametrize(
    ("query", "levels"),
    [
        ("{ users(first: 50) { nodes { username can } } }", 1),
        (f"{{ users(first: 50) {{ nodes {{ username orders(first: 3) {{ id can {ITEMS} }} }} }} }}", 4),
        (f"{{ users(first: 50) {{ nodes {{ orderConnection(first: 2) {{ nodes {{ {ITEMS} }} }} }} }} }}", 4),
        ("{ users(first: 50) { nodes { orderConnection(first: 2) { totalCount nodes { id } } } } }", 3),
        ("{ orders(first: 100) { nodes { id user { username } history { move by } } } }", 3),
        ("{ orders(first: 5) { totalCount nodes { id } } }", 2),
        ("{ a: order(id: 1) { id can } b: order(id: 2) { total user { id } } }", 3),
    ],
)
def test_a_level_costs_one_statement(count_statements, query, levels):
    assert count_statements(query) == levels


@pytest.fixture
def walk_pages(many_orders, fetch_data, staff):
    """Reads a list page by page and returns the ids."""

    def collect_ids(field: str, at: str, size: int) -> list[int]:
        ids, after = [], None
        query = f"query($after: String) {{ {at} }}".replace(
            "*",
            f"{field}(first: {size}, after: $after) {{ nodes {{ id }} pageInfo {{ hasNextPage endCursor }} }}",
        )
        while True:
            page = fetch_data(staff, query, after=after)
            while field not in page:
                (page,) = page.values()
            ids += [int(each["id"].partition(":")[2]) for each in page[field]["nodes"]]
            after = page[field]["pageInfo"]["endCursor"]
            if not page[field]["pageInfo"]["hasNextPage"]:
                return ids

    return collect_ids


def test_pages_of_users_hold_each_once(walk_pages):
    assert walk_pages("users", "*", 20) == list(range(1, 51))


def test_pages_of_orders_hold_each_once_newest_first(walk_pages):
    assert walk_pages("orders", "*", 67) == list(range(150, 0, -1))


def test_pages_of_the_orders_of_a_user_hold_each_once(walk_pages):
    assert walk_pages("orderConnection", "user(id: 2) { * }", 2) == [6, 5, 4]


def test_each_user_has_its_own_newest_orders(many_orders, fetch_data, staff):
    users = fetch_data(staff, "{ users(first: 3) { nodes { orders(first: 2) { id } } } }")["users"]["nodes"]
    assert [[order["id"] for order in user["orders"]] for user in users] == [
        ["Order:3", "Order:2"], ["Order:6", "Order:5"], ["Order:9", "Order:8"],
    ]  # fmt: skip


def test_a_page_says_where_it_is(many_orders, fetch_data, staff):
    first = fetch_data(staff, "{ users(first: 50) { totalCount pageInfo { hasNextPage hasPreviousPage } } }")
    assert first["users"] == {"totalCount": 50, "pageInfo": {"hasNextPage": False, "hasPreviousPage": False}}


def test_prices_sort_pages_too(fetch_data, anonymous, product):
    for price in (300, 100, 200, 100):
        product(price=price)
    query = """query($after: String) { products(first: 2, sort: price, order: desc, after: $after) {
        nodes { id } pageInfo { endCursor } } }"""
    first = fetch_data(anonymous, query)["products"]
    second = fetch_data(anonymous, query, after=first["pageInfo"]["endCursor"])["products"]
    assert [each["id"] for page in (first, second) for each in page["nodes"]] == [
        "Product:1", "Product:3", "Product:4", "Product:2",
    ]  # fmt: skip
