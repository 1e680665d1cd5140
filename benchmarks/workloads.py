"""What is asked: each workload is a round of requests, sent again and again in this order."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import requests

from benchmarks.goods import COMMON
from benchmarks.stage import Ready

ROUND = 100


@dataclass(frozen=True)
class Shot:
    path: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None


def one(number: int, products: int) -> Shot:
    return Shot(f"/products/{number * 7919 % products + 1}")


def several(number: int) -> Shot:
    return Shot(f"/products?page={number % 10 + 1}")


def search(number: int) -> Shot:
    return Shot(f"/products?q={COMMON}&max_price={400 + number}&sort=price")


def order(number: int, products: int, headers: dict[str, str]) -> Shot:
    first = number * 7919 % products
    ids = sorted((first + 1, (first + 1) % products + 1))
    body = {"items": [{"product_id": id, "quantity": 1} for id in ids]}
    return Shot("/orders", "POST", {**headers, "Content-Type": "application/json"}, json.dumps(body))


def again(who: Ready, number: int, products: int) -> Shot:
    """The same product once more, by whoever remembers its validator; without one, all of it."""
    shot = one(number % 20, products)
    tag = requests.get(who.server.root + shot.path, timeout=10).headers.get("ETag")
    return Shot(shot.path, headers={"If-None-Match": tag} if tag else {})


def mixed(number: int, products: int, headers: dict[str, str]) -> Shot:
    """Of twenty: twelve products, five pages, two searches, one order."""
    turn = number * 7 % 20
    if turn == 0:
        return order(number, products, headers)
    return search(number) if turn < 3 else several(number) if turn < 8 else one(number, products)


WORKLOADS: dict[str, Callable[[Ready, int, int], Shot]] = {
    "one product": lambda who, number, products: one(number, products),
    "list of 20": lambda who, number, products: several(number),
    "list, logged in": lambda who, number, products: replace(several(number), headers=who.headers),
    "filtered search": lambda who, number, products: search(number),
    "conditional GET": again,
    "read mix": lambda who, number, products: mixed(number, products, who.headers),
    "checkout": lambda who, number, products: order(number, products, who.headers),
}


def shots(workload: str, who: Ready, products: int) -> list[Shot]:
    return [WORKLOADS[workload](who, number, products) for number in range(ROUND)]
