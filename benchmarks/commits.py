"""Checkouts per second on PostgreSQL when each commit waits, from one process and from eight.

python -m benchmarks.commits [--milliseconds 3] [--seconds 4] [--rounds 3]

A server on another disk or with a standby takes some milliseconds for a commit. If commits happen one at a
time, more processes sell no more than one.
"""

import argparse
import multiprocessing
import random
import time
from collections.abc import Sequence
from secrets import token_hex
from statistics import median
from typing import Any

from click import echo
from flask import Flask
from sqlalchemy import create_engine, make_url, text

from benchmarks.machine import describe_machine
from shop.app import create_app
from shop.cli.migrations import upgrade_database
from shop.domain.product import Product
from shop.domain.user import User
from shop.services import orders
from shop.services.context import ShopContext
from shop.settings import read_settings
from shop.storage.transactions import Actor

CLIENTS, PRODUCTS, WARM_UP = 8, 5000, 20
UNPAID_ORDERS = 1_000_000
TIMEOUT = 60


def build_shop(url: str) -> Flask:
    settings = {"SHOP_SECRET_KEY": token_hex(32), "SHOP_DATABASE_URL": url, "SHOP_LOG_LEVEL": "ERROR"}
    return create_app(read_settings(settings))


def fill_shop(url: str, milliseconds: float) -> None:
    """Create the tables, products and customers; from then on each commit waits."""
    app = build_shop(url)
    with app.app_context():
        upgrade_database()
        session = app.extensions["sqlalchemy"].session
        session.add_all(
            Product(name=f"Desk {number}", description="", price=8950, stock=2**30)
            for number in range(PRODUCTS)
        )
        session.add_all(
            User(username=f"ada{number}", email=f"ada{number}@shop.example") for number in range(CLIENTS)
        )
        session.commit()
        app.extensions["shop"].engine.dispose()
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        for name, value in {"commit_delay": int(milliseconds * 1000), "commit_siblings": 0}.items():
            connection.execute(text(f"ALTER DATABASE {make_url(url).database} SET {name} = {value}"))
        connection.execute(text("ANALYZE"))
    server.dispose()


def order_until(url: str, user: int, seconds: float, start: Any, counts: Any) -> None:
    """Order two products at a time, each time other ones, and report how many orders were placed."""
    app, count = build_shop(url), 0
    with app.app_context():
        session = app.extensions["sqlalchemy"].session

        def place_order() -> None:
            pair = random.sample(range(1, PRODUCTS + 1), 2)
            ctx = ShopContext(session(), Actor(user, "customer", ""), max_unpaid_orders=UNPAID_ORDERS)
            orders.place_order(ctx, {"items": [{"product_id": id, "quantity": 1} for id in pair]})
            session.remove()

        for _ in range(WARM_UP):
            place_order()
        start.wait(TIMEOUT)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            place_order()
            count += 1
    counts.put(count)


def measure_rate(url: str, clients: int, seconds: float) -> float:
    """Return the orders per second of this many client processes together."""
    spawn = multiprocessing.get_context("spawn")
    start, counts = spawn.Barrier(clients), spawn.Queue()
    processes = [
        spawn.Process(target=order_until, args=(url, 1 + number, seconds, start, counts))
        for number in range(clients)
    ]
    for process in processes:
        process.start()
    total = sum(counts.get(timeout=TIMEOUT) for _ in processes)
    for process in processes:
        process.join(TIMEOUT)
    return total / seconds


def main(arguments: Sequence[str] | None = None) -> None:
    from tests.conftest import fresh_postgres  # the extra `test` brings a PostgreSQL
    from tests.servers import postgres

    parser = argparse.ArgumentParser(prog="python -m benchmarks.commits", description=__doc__)
    parser.add_argument("--milliseconds", type=float, default=3, help="that each commit waits")
    parser.add_argument("--seconds", type=float, default=4, help="of each run")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    with postgres() as server, fresh_postgres(server) as url:
        fill_shop(url, options.milliseconds)
        rates = [
            [measure_rate(url, clients, options.seconds) for clients in (1, CLIENTS)]
            for _ in range(options.rounds)
        ]
    ratios = sorted(many / one for one, many in rates)
    echo(describe_machine())
    echo(f"each commit waits {options.milliseconds:g} ms; median of {options.rounds} rounds")
    echo(f"1 process     {median(one for one, _ in rates):7.0f} checkouts/s")
    echo(f"{CLIENTS} processes   {median(many for _, many in rates):7.0f} checkouts/s")
    echo(f"ratio         {median(ratios):7.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
