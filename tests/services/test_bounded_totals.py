"""Totals are counted up to a bound, and say so."""

from unittest.mock import patch

import pytest

from shop.storage import pagination
from shop.storage.pagination import is_scan_cheaper
from tests.conftest import Person

PRODUCTS = "/api/v1/products"


@pytest.fixture
def goods(app, staff: Person) -> None:
    """Seven products, which are more than are counted."""
    for number in range(7):
        staff.post(PRODUCTS, {"name": f"Pot {number}", "price": 5 + number, "stock": number})


@pytest.fixture(autouse=True)
def low_bound(variant, goods):
    """Shops that are built now count to five."""
    from shop.services import products

    products.prepare_plain_queries.cache_clear()
    with patch.object(pagination, "MAX_COUNT", 5):
        yield
    products.prepare_plain_queries.cache_clear()


@pytest.mark.parametrize(
    "query", ["?min_price=1", "?max_price=99&sort=name", "?q=pot", "?q=po", "?in_stock=false&min_price=0"]
)
def test_a_total_is_exact_or_the_bound(anonymous, query) -> None:
    page = anonymous.get(PRODUCTS + query).json
    assert (page["total"], page["total_is_exact"]) == ((1, True) if "stock" in query else (5, False))


@pytest.mark.parametrize("query", ["", "?in_stock=true"])
def test_the_total_of_the_catalogue_is_always_exact(anonymous, query) -> None:
    page = anonymous.get(PRODUCTS + query).json
    assert (page["total"], page["total_is_exact"]) == (6 if query else 7, True)


def test_following_next_shows_all_of_more_than_are_counted(anonymous) -> None:
    page, names, totals = anonymous.get(f"{PRODUCTS}?min_price=1&per_page=2").json, [], set()
    while True:
        names += [item["name"] for item in page["_embedded"]["item"]]
        totals.add((page["total"], page["total_is_exact"]))
        if "next" not in page["_links"]:
            break
        page = anonymous.get(page["_links"]["next"]["href"]).json
    assert (names, totals) == ([f"Pot {number}" for number in range(7)], {(5, False)})


def test_the_last_page_is_full_where_the_total_is_a_bound(anonymous) -> None:
    first = anonymous.get(f"{PRODUCTS}?min_price=1&per_page=2").json
    last = anonymous.get(first["_links"]["last"]["href"]).json
    assert [item["name"] for item in last["_embedded"]["item"]] == ["Pot 5", "Pot 6"]


def test_graphql_says_whether_a_total_is_exact(client) -> None:
    query = '{ products(first: 1, minPrice: "1") { totalCount totalCountIsExact } }'
    answer = client.post("/graphql", json={"query": query})
    assert answer.json == {"data": {"products": {"totalCount": 5, "totalCountIsExact": False}}}


@pytest.mark.parametrize(
    ("total", "size", "is_cheaper"),
    [
        (1000, 1000, True),
        (20, 1000, False),
        (10_000, 1_000_000, True),
        (2000, 1_000_000, False),
        (0, 10, False),
    ],
)
def test_a_scan_is_chosen_where_it_looks_at_fewer_rows(total, size, is_cheaper) -> None:
    assert is_scan_cheaper(total, 21, size) is is_cheaper
