"""Many who buy while something goes wrong, and what must be true afterwards."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.app import create_app
from shop.domain.product import Product
from tests.conftest import empty, enrolled, settings_for
from tests.running import call

STOCK = 100_000
HANG = 5
RECOVERY = 10


def until(true: Callable[[], Any], seconds: float = 8) -> Any:
    """What it says once it is true; what it said last when the time is over."""
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def lines(*pairs: tuple[int, int]) -> dict[str, Any]:
    return {"items": [{"product_id": id, "quantity": quantity} for id, quantity in pairs]}


def sold(session: Session) -> dict[int, int]:
    """How much of each product is in orders that still hold it."""
    rows = session.execute(text("""SELECT product_id, SUM(quantity) FROM order_items JOIN orders ON id = order_id
                                   WHERE status NOT IN ('cancelled', 'refunded') GROUP BY product_id"""))  # fmt: skip
    return {id: int(quantity) for id, quantity in rows}


def left(session: Session) -> dict[int, int]:
    return dict(session.execute(text("SELECT id, stock FROM products")).all())


def intact(session: Session) -> bool:
    if session.get_bind().dialect.name == "sqlite":
        assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    return True


def rush(roots: list[str], count: int, ask: Callable[[str, int], int], at_once: int = 25) -> Counter[int]:
    """So many requests, spread over the processes; how often each status was the answer."""
    with ThreadPoolExecutor(at_once) as pool:
        return Counter(pool.map(lambda n: ask(roots[n % len(roots)], n), range(count)))


@dataclass
class Stage:
    """A database of its own with one product and one customer."""

    url: str
    app: Flask
    token: str

    def rows(self, ask: Callable[[Session], Any]) -> Any:
        with self.app.app_context():
            return ask(self.app.extensions["sqlalchemy"].session())


def stage(url: str) -> Stage:
    app = create_app(settings_for(url))
    with app.app_context():
        upgrade()
    empty(app)
    with app.app_context():
        session = app.extensions["sqlalchemy"].session()
        session.add(Product(name="Walnut desk", description="", price=24900, stock=STOCK))
        session.commit()
    return Stage(url, app, enrolled(app, "ada", "customer")[1]["access_token"])


@dataclass
class Load:
    """Buyers who ask again under the same key until they have their order."""

    roots: list[str]
    token: str
    acknowledged: dict[str, int] = field(default_factory=dict)
    answers: Counter[tuple[int, bool]] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    slowest: float = 0
    over: bool = False

    def shop(self, mine: int) -> None:
        for number in itertools.count():
            if self.over:
                return
            key, end = f"{mine}-{number}", time.monotonic() + 2 * RECOVERY
            for root in itertools.islice(itertools.cycle(self.roots), number % len(self.roots), None):
                if key in self.acknowledged or time.monotonic() > end:
                    break
                self.buy(key, root)

    def buy(self, key: str, root: str) -> None:
        began = time.monotonic()
        try:
            answer = call(root, "/orders", lines((1, 1)), self.token, key)
        except requests.RequestException as error:
            self.broken.append(repr(error))
            time.sleep(0.05)
        else:
            self.answers[answer.status_code, "Retry-After" in answer.headers] += 1
            if answer.status_code == 201:
                self.acknowledged[key] = answer.json()["id"]
            else:
                time.sleep(0.05)
        self.slowest = max(self.slowest, time.monotonic() - began)

    def goes_on(self, seconds: float = RECOVERY) -> bool:
        """Whether as many orders as there are buyers are taken within so long."""
        wanted = len(self.acknowledged) + 8
        return until(lambda: len(self.acknowledged) >= wanted, seconds)

    def refused(self) -> int:
        return self.answers[503, True]

    def flaws(self, scene: Stage, *, cut: bool = False) -> list[str]:
        """All that must not be, whatever went wrong; connections may be cut only where a server was killed."""
        orders = scene.rows(lambda session: session.execute(text("SELECT id FROM orders")).scalars().all())
        in_stock, in_orders = scene.rows(left)[1], scene.rows(sold).get(1, 0)
        found = {
            f"answers {dict(self.answers)}": not set(self.answers) <= {(201, False), (503, True)},
            f"slowest {self.slowest:.1f} s": self.slowest > HANG,
            f"cut {self.broken[:3]}": bool(self.broken) and not cut,
            f"{in_stock} in stock and {in_orders} sold": in_stock + in_orders != STOCK,
            "an order that was acknowledged is not there once": Counter(self.acknowledged.values()) != Counter(orders),
            "the database is damaged": not scene.rows(intact),
        }  # fmt: skip
        return [flaw for flaw, present in found.items() if present]


@contextmanager
def shopping(roots: list[str], token: str, clients: int = 8) -> Iterator[Load]:
    load = Load(roots, token)
    threads = [threading.Thread(target=load.shop, args=(mine,)) for mine in range(clients)]
    for thread in threads:
        thread.start()
    try:
        assert load.goes_on(30)
        yield load
    finally:
        load.over = True
        for thread in threads:
            thread.join()
