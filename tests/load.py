"""Buyers that keep ordering during a fault, and the checks that must hold afterwards."""

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
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.app import create_app
from shop.cli.migrations import upgrade_database
from shop.domain.product import Product
from tests.conftest import empty_database, enroll_user, settings_for
from tests.running import post_json

STOCK = 100_000
MAX_ANSWER_SECONDS = 5
RECOVERY_SECONDS = 10


def wait_until(is_true: Callable[[], Any], seconds: float = 8) -> Any:
    """Return the first true result; the last result when the time is over."""
    end = time.monotonic() + seconds
    while not (found := is_true()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def build_order(*pairs: tuple[int, int]) -> dict[str, Any]:
    return {"items": [{"product_id": id, "quantity": quantity} for id, quantity in pairs]}


def count_sold(session: Session) -> dict[int, int]:
    """Return the quantity of each product in orders that are neither cancelled nor refunded."""
    rows = session.execute(text("""SELECT product_id, SUM(quantity) FROM order_items JOIN orders ON id = order_id
                                   WHERE status NOT IN ('cancelled', 'refunded') GROUP BY product_id"""))  # fmt: skip
    return {id: int(quantity) for id, quantity in rows}


def count_left(session: Session) -> dict[int, int]:
    return dict(session.execute(text("SELECT id, stock FROM products")).all())


def is_intact(session: Session) -> bool:
    if session.get_bind().dialect.name == "sqlite":
        assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    return True


def send_requests(
    roots: list[str], count: int, send: Callable[[str, int], int], at_once: int = 25
) -> Counter[int]:
    """Send this many requests, spread over the processes, and count the statuses."""
    with ThreadPoolExecutor(at_once) as pool:
        return Counter(pool.map(lambda n: send(roots[n % len(roots)], n), range(count)))


@dataclass
class StockedShop:
    """A separate database with one product and one customer."""

    url: str
    app: Flask
    token: str

    def read(self, query: Callable[[Session], Any]) -> Any:
        with self.app.app_context():
            return query(self.app.extensions["sqlalchemy"].session())


def build_shop(url: str) -> StockedShop:
    app = create_app(settings_for(url))
    with app.app_context():
        upgrade_database()
    empty_database(app)
    with app.app_context():
        session = app.extensions["sqlalchemy"].session()
        session.add(Product(name="Walnut desk", description="", price=24900, stock=STOCK))
        session.commit()
    return StockedShop(url, app, enroll_user(app, "ada", "customer")[1]["access_token"])


@dataclass
class Buyers:
    """Buyers that repeat a request under the same key until they have their order."""

    roots: list[str]
    token: str
    acknowledged: dict[str, int] = field(default_factory=dict)
    answers: Counter[tuple[int, bool]] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    slowest: float = 0
    over: bool = False

    def buy_repeatedly(self, buyer: int) -> None:
        for number in itertools.count():
            if self.over:
                return
            key, end = f"{buyer}-{number}", time.monotonic() + 2 * RECOVERY_SECONDS
            for root in itertools.islice(itertools.cycle(self.roots), number % len(self.roots), None):
                if key in self.acknowledged or time.monotonic() > end:
                    break
                self.buy(key, root)

    def buy(self, key: str, root: str) -> None:
        began = time.monotonic()
        try:
            answer = post_json(root, "/orders", build_order((1, 1)), self.token, key)
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

    def can_buy(self, seconds: float = RECOVERY_SECONDS) -> bool:
        """Whether eight more orders succeed within this time."""
        wanted = len(self.acknowledged) + 8
        return wait_until(lambda: len(self.acknowledged) >= wanted, seconds)

    def count_refused(self) -> int:
        return self.answers[503, True]

    def find_flaws(self, stocked_shop: StockedShop, *, cut: bool = False) -> list[str]:
        """Return what is wrong after a fault; connections may be cut only where a server was killed."""
        orders = stocked_shop.read(
            lambda session: session.execute(text("SELECT id FROM orders")).scalars().all()
        )
        in_stock, in_orders = stocked_shop.read(count_left)[1], stocked_shop.read(count_sold).get(1, 0)
        found = {
            f"answers {dict(self.answers)}": not set(self.answers) <= {(201, False), (503, True)},
            f"slowest {self.slowest:.1f} s": self.slowest > MAX_ANSWER_SECONDS,
            f"cut {self.broken[:3]}": bool(self.broken) and not cut,
            f"{in_stock} in stock and {in_orders} sold": in_stock + in_orders != STOCK,
            "an order that was acknowledged is not there once": Counter(self.acknowledged.values()) != Counter(orders),
            "the database is damaged": not stocked_shop.read(is_intact),
        }  # fmt: skip
        return [flaw for flaw, present in found.items() if present]


@contextmanager
def buying(roots: list[str], token: str, clients: int = 8) -> Iterator[Buyers]:
    buyers = Buyers(roots, token)
    threads = [threading.Thread(target=buyers.buy_repeatedly, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        assert buyers.can_buy(30)
        yield buyers
    finally:
        buyers.over = True
        for thread in threads:
            thread.join()
