"""The example queries of the original request work as they were written."""

import pytest

QUERIES = {
    "specific fields": "{ user(id: 1) { username email } }",
    "nested": "{ user(id: 1) { username email orders { id total status createdAt } } }",
    "aliases": """{
        user1: user(id: 1) { username }
        user2: user(id: 2) { username }
        topProducts: searchProducts(query: "laptop", maxPrice: 1000) { name price }
    }""",
    "fragments": """
        fragment UserDetails on User { id username email createdAt }
        { user(id: 1) { ...UserDetails orders { total } } }
    """,
    "create": """mutation {
        createProduct(name: "MacBook Pro" description: "16-inch M3 Max" price: 2499.99 stock: 10) {
            product { id name price }
            ok
        }
    }""",
    "update": """mutation {
        updateProduct(id: 1 price: 2299.99 stock: 15) { product { id name price stock } ok }
    }""",
}


@pytest.fixture
def shop(customer, staff, product):
    product("Laptop", price=99900), product("Laptop bag", price=4900), product("Laptop Pro", price=249900)
    staff.post("/api/v1/products/1/buy", {"quantity": 1})
    customer.post("/api/v1/products/2/buy", {"quantity": 1})


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_works_as_it_is_written(shop, fetch_data, staff, name):
    assert all(fetch_data(staff, QUERIES[name]).values())


def test_a_search_finds_what_costs_no_more(shop, fetch_data, anonymous):
    found = fetch_data(anonymous, '{ searchProducts(query: "laptop", maxPrice: 1000) { name price } }')
    assert found["searchProducts"] == [
        {"name": "Laptop", "price": 999.0},
        {"name": "Laptop bag", "price": 49.0},
    ]


def test_what_is_not_mentioned_is_not_changed(shop, fetch_data, staff):
    changed = fetch_data(staff, QUERIES["update"])["updateProduct"]
    assert changed == {
        "product": {"id": "Product:1", "name": "Laptop", "price": 2299.99, "stock": 15},
        "ok": True,
    }
