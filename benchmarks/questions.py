"""The questions that growth asks of catalogues of every size.

A question "first time" has another highest price in each request, so that no URL is sent twice.
"""

from collections.abc import Callable

import requests

from benchmarks import catalogue
from benchmarks.stage import Server
from benchmarks.workloads import NUMBER

PER_PAGE = 20


def find_next_link(server: Server, size: int, depth: float) -> str:
    """Return the `next` link of a page at this depth of the catalogue."""
    number = max(1, int(size / PER_PAGE * depth))
    page = requests.get(f"{server.root}/products?page={number}", timeout=30)
    return str(page.json()["_links"]["next"]["href"])


QUESTIONS: dict[str, Callable[[Server, int], str]] = {
    "one product": lambda server, size: f"/products/{size // 2}",
    "first page": lambda server, size: "/products",
    "next at 1 %": lambda server, size: find_next_link(server, size, 0.01),
    "next at 50 %": lambda server, size: find_next_link(server, size, 0.5),
    "next at 99 %": lambda server, size: (
        find_next_link(server, size, 0.99) if size > 2000 else find_next_link(server, size, 0.98)
    ),
    "q= rare": lambda server, size: f"/products?q={catalogue.RARE}",
    "q= half": lambda server, size: f"/products?q={catalogue.HALVES[0]}",
    "q= half, first time": lambda server, size: f"/products?q={catalogue.HALVES[0]}&max_price={NUMBER}",
    "q= common": lambda server, size: f"/products?q={catalogue.COMMON}",
    "price range": lambda server, size: "/products?min_price=100&max_price=110",
    "price range, sorted by price": lambda server, size: "/products?min_price=100&max_price=110&sort=price",
    "wide price range": lambda server, size: "/products?min_price=100&max_price=900",
    "wide price range, first time": lambda server, size: f"/products?min_price=100&max_price={NUMBER}",
    "sorted by name": lambda server, size: "/products?sort=name",
    "sorted by price": lambda server, size: "/products?sort=price",
    "sorted by stock": lambda server, size: "/products?sort=stock",
    "sorted by created_at": lambda server, size: "/products?sort=created_at",
}
