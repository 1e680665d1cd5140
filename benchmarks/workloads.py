"""The workloads: each is a list of requests that is sent repeatedly, in this order."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import requests

from benchmarks.catalogue import COMMON
from benchmarks.peers import PASSWORD, USERNAME
from benchmarks.stage import Ready

SHOTS = 100
NUMBER = "{number}"  # in a path: each request has the next one
FIRST_NUMBER = 2000  # a price that no product reaches


@dataclass(frozen=True)
class Shot:
    path: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None


def build_product_shot(number: int, products: int) -> Shot:
    return Shot(f"/products/{number * 7919 % products + 1}")


def build_list_shot(number: int) -> Shot:
    return Shot(f"/products?page={number % 10 + 1}")


def build_first_time_shot(number: int) -> Shot:
    """Build a list that was never asked for: its highest price is another one in each request."""
    return Shot(f"/products?page={number % 10 + 1}&min_price={number * 2 + 1}&max_price={NUMBER}")


def build_search_shot(number: int) -> Shot:
    return Shot(f"/products?q={COMMON}&max_price={400 + number}&sort=price")


def build_order_shot(number: int, products: int, headers: dict[str, str]) -> Shot:
    first = number * 7919 % products
    ids = sorted((first + 1, (first + 1) % products + 1))
    body = {"items": [{"product_id": id, "quantity": 1} for id in ids]}
    return Shot("/orders", "POST", {**headers, "Content-Type": "application/json"}, json.dumps(body))


def build_own_order_shot(ready: Ready, number: int) -> Shot:
    return Shot(ready.contestant.own_order(ready.server.root, ready.headers, number), headers=ready.headers)


def build_login_shot() -> Shot:
    body = {"username": USERNAME, "password": PASSWORD}
    return Shot("/tokens", "POST", {"Content-Type": "application/json"}, json.dumps(body))


def build_login_mix_shot(number: int, products: int, headers: dict[str, str]) -> Shot:
    """Build one shot of the mix: of twenty, one logs in; the others are those of the read mix."""
    return build_login_shot() if number * 7 % 20 == 19 else build_mixed_shot(number, products, headers)


def build_conditional_shot(ready: Ready, number: int, products: int) -> Shot:
    """Request a product with its validator, if the contestant sends one."""
    shot = build_product_shot(number % 20, products)
    tag = requests.get(ready.server.root + shot.path, timeout=10).headers.get("ETag")
    return Shot(shot.path, headers={"If-None-Match": tag} if tag else {})


def build_mixed_shot(number: int, products: int, headers: dict[str, str]) -> Shot:
    """Build one shot of the mix: of twenty, twelve are products, five pages, two searches, one order."""
    position = number * 7 % 20
    if position == 0:
        return build_order_shot(number, products, headers)
    return (
        build_search_shot(number)
        if position < 3
        else build_list_shot(number)
        if position < 8
        else build_product_shot(number, products)
    )


WORKLOADS: dict[str, Callable[[Ready, int, int], Shot]] = {
    "one product": lambda ready, number, products: build_product_shot(number, products),
    "list of 20": lambda ready, number, products: build_list_shot(number),
    "list, first time": lambda ready, number, products: build_first_time_shot(number),
    "list, logged in": lambda ready, number, products: replace(
        build_list_shot(number), headers=ready.headers
    ),
    "own order": lambda ready, number, products: build_own_order_shot(ready, number),
    "filtered search": lambda ready, number, products: build_search_shot(number),
    "conditional GET": build_conditional_shot,
    "read mix": lambda ready, number, products: build_mixed_shot(number, products, ready.headers),
    "read, write, log in": lambda ready, number, products: build_login_mix_shot(
        number, products, ready.headers
    ),
    "checkout": lambda ready, number, products: build_order_shot(number, products, ready.headers),
}


def build_shots(workload: str, ready: Ready, products: int) -> list[Shot]:
    return [WORKLOADS[workload](ready, number, products) for number in range(SHOTS)]
