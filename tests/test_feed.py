"""The feed of changes: every change once and in order, from all writers, despite rollbacks."""

import asyncio
import subprocess
import sys
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from shop.domain.change import Change
from shop.domain.order import Order
from shop.domain.product import Product
from shop.model.entity import now
from shop.model.errors import CursorExpired, NotFound
from shop.model.moves import STAFF
from shop.services import changes, imports, orders
from shop.services.changes import ChangeStream
from shop.services.context import ShopContext
from shop.storage.change_listener import ChangeListener
from shop.storage.execution import create, execute
from shop.storage.transactions import Actor

LAMP = {"name": "Lamp", "description": "", "price": 8950, "stock": 3}
WRITERS, COMMITS, READERS = 3, 40, 4
TIMEOUT = 30


@pytest.fixture
def ctx(session, staff):
    return ShopContext(session, Actor(staff.id, STAFF, ""))


@pytest.fixture
def lamp(ctx):
    return create(ctx, Product, "create", LAMP).id


@pytest.fixture
def listener(app):
    with app.app_context():
        found = ChangeListener(app.extensions["shop"].engine)
    yield found
    found.stop()


def restock(ctx, id, amount=1):
    return execute(ctx, Product, id, "restock", {"amount": amount})


def read_kinds(ctx):
    return [each.kind for each in changes.read_changes(ctx, 0)]


def place_order(ctx, *pairs):
    return orders.place_order(
        ctx, {"items": [{"product_id": id, "quantity": quantity} for id, quantity in pairs]}
    )


def purge_up_to(ctx, before):
    """Purge all changes up to this one, as if they were old."""
    changes.find_newest_change(ctx)
    with ctx.transaction() as session:
        session.execute(update(Change).where(Change.seq <= before).values(at=now() - timedelta(days=40)))
    return changes.purge_changes(ctx, 30)


class RollBack(Exception):
    pass


class TestWriting:
    def test_every_move_of_a_product_leaves_a_row(self, ctx, lamp):
        execute(ctx, Product, lamp, "update", {"price": 1})
        restock(ctx, lamp)
        execute(ctx, Product, lamp, "delete", {})
        assert read_kinds(ctx) == ["created", "changed", "stocked", "retired"]

    def test_an_order_leaves_a_row_for_each_product_when_it_comes_and_when_it_goes(self, ctx, lamp):
        desk = create(ctx, Product, "create", {**LAMP, "stock": 9}).id
        execute(ctx, Order, place_order(ctx, (desk, 2), (lamp, 1)).id, "cancel", {})
        stocked = [(each.product_id, each.stock) for each in changes.read_changes(ctx, 2)]
        assert stocked == [(lamp, 2), (desk, 7), (lamp, 3), (desk, 9)]

    def test_an_import_leaves_a_row_for_each_product(self, ctx):
        imports.import_products(ctx, enumerate([LAMP] * 3), lambda *_: None)
        assert [(each.kind, each.product_id) for each in changes.read_changes(ctx, 0)] == [
            ("created", id) for id in ctx.session.scalars(select(Product.id).order_by(Product.id))
        ]

    def test_a_row_says_how_it_was_then(self, ctx, lamp):
        with ctx.transaction():
            restock(ctx, lamp, 4), restock(ctx, lamp, -2)
        assert [each.stock for each in changes.read_changes(ctx, 1)] == [7, 5]

    def test_what_changes_nothing_leaves_nothing(self, ctx, lamp):
        execute(ctx, Product, lamp, "update", {"price": LAMP["price"]})
        assert read_kinds(ctx) == ["created"]

    def test_what_is_taken_back_leaves_nothing(self, ctx, lamp):
        with suppress(RollBack), ctx.transaction():
            restock(ctx, lamp)
            raise RollBack
        place_order(ctx, (lamp, 1))
        assert read_kinds(ctx) == ["created", "stocked"]

    def test_what_a_savepoint_takes_back_leaves_nothing_and_the_rest_its_row(self, ctx, lamp):
        with ctx.transaction() as session:
            restock(ctx, lamp)
            with suppress(RollBack), session.begin_nested():
                with session.begin_nested():
                    restock(ctx, lamp)
                raise RollBack
            with session.begin_nested():
                execute(ctx, Product, lamp, "update", {"price": 1})
        assert read_kinds(ctx) == ["created", "stocked", "changed"]

    def test_an_order_writes_all_its_rows_at_once(self, ctx, lamp, statements):
        desk = create(ctx, Product, "create", LAMP).id
        statements.clear()
        place_order(ctx, (desk, 1), (lamp, 1))
        assert len([each for each in statements if "INTO changes" in each]) == 1

    def test_nobody_stands_in_line_who_changes_no_product(self, ctx, staff, statements):
        staff.post(
            "/api/v1/users", {"username": "eve", "email": "e@shop.example", "password": "correct horse"}
        )
        assert not [each for each in statements if "pg_advisory" in each]


class TestReading:
    def test_goes_on_after_a_cursor(self, ctx, lamp):
        restock(ctx, lamp), restock(ctx, lamp)
        (second,) = changes.read_changes(ctx, 1, 1)
        assert (second.seq, second.stock) == (2, 4)

    def test_of_what_is_forgotten_is_refused(self, ctx, lamp):
        restock(ctx, lamp), restock(ctx, lamp)
        purge_up_to(ctx, 2)
        with pytest.raises(CursorExpired):
            changes.read_changes(ctx, 1)

    def test_goes_on_for_who_has_seen_all_that_is_forgotten(self, ctx, lamp):
        restock(ctx, lamp), restock(ctx, lamp)
        assert (purge_up_to(ctx, 2), [each.seq for each in changes.read_changes(ctx, 2)]) == (1, [3])

    def test_goes_on_when_everything_is_forgotten(self, ctx, lamp):
        restock(ctx, lamp)
        purge_up_to(ctx, 2)
        before, cursor = changes.read_changes(ctx, 2), changes.find_newest_change(ctx)
        restock(ctx, lamp)
        assert (before, cursor, [each.seq for each in changes.read_changes(ctx, 2)]) == ([], 2, [3])

    def test_forgets_nothing_that_is_young(self, ctx, lamp):
        assert (changes.purge_changes(ctx, 30), read_kinds(ctx)) == (0, ["created"])

    def test_from_a_cursor_that_was_never_given_out_is_refused(self, ctx, lamp):
        with pytest.raises(NotFound):
            changes.read_changes(ctx, 2)

    def test_of_the_steps_of_orders_says_whose_they_are(self, ctx, lamp):
        execute(ctx, Order, place_order(ctx, (lamp, 1)).id, "cancel", {})
        steps = [(each.seq, each.move, each.user_id) for each in changes.read_steps(ctx, 0)]
        assert steps == [(1, "create", ctx.actor.id), (2, "cancel", ctx.actor.id)]


def test_every_reader_gets_every_change_once_and_in_order(app, ctx, listener):
    goods = [create(ctx, Product, "create", LAMP).id for _ in range(WRITERS)]
    url, last = app.extensions["shop"].settings.database_url, WRITERS * (1 + COMMITS)
    with ThreadPoolExecutor(READERS) as pool:
        readers = [pool.submit(follow_feed, app, listener, last) for _ in range(READERS)]
        writers = [start_writer(url, ctx.actor.id, id) for id in goods]
        ended = [each.wait(TIMEOUT) for each in writers]
        found = [each.result() for each in readers]
    each_once = {id: [LAMP["stock"] + number for number in range(1 + COMMITS)] for id in goods}
    assert (ended, found) == ([0] * WRITERS, [each_once] * READERS)


def start_writer(url, staff, product):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.stock_writer", url, *map(str, (staff, product, COMMITS))]
    )


def follow_feed(app, listener, count):
    """Follow the feed for this many changes and return the stocks of each product."""
    received, cursor, stocks, end = 0, 0, defaultdict(list), time.monotonic() + TIMEOUT
    while received < count and time.monotonic() < end:
        with app.app_context():
            for row in changes.wait_for_changes(
                ShopContext(app.extensions["sqlalchemy"].session()), listener, cursor, 7, 1
            ):
                cursor, received = row.seq, received + 1
                stocks[row.product_id].append(row.stock)
    return stocks


class TestWaiting:
    def test_ends_with_the_first_change(self, app, ctx, lamp, listener):
        cursor, began = changes.find_newest_change(ctx), time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(wait_after, app, listener, cursor)
            restock(ctx, lamp)
            found = waiting.result(TIMEOUT)
        assert ([each.kind for each in found], time.monotonic() - began < 5) == (["stocked"], True)

    def test_ends_with_its_time(self, ctx, lamp, listener):
        assert changes.wait_for_changes(ctx, listener, changes.find_newest_change(ctx), 1, 0.1) == []

    def test_ends_when_all_is_about_to_stop(self, app, ctx, lamp, listener):
        cursor, began = changes.find_newest_change(ctx), time.monotonic()
        threading.Timer(0.1, listener.stop).start()
        assert (changes.wait_for_changes(ctx, listener, cursor, 1, 20), time.monotonic() - began < 5) == (
            [],
            True,
        )

    def test_ends_when_nobody_is_there_any_more(self, ctx, lamp, listener):
        began = time.monotonic()
        changes.wait_for_changes(ctx, listener, changes.find_newest_change(ctx), 1, 20, lambda: False)
        assert time.monotonic() - began < 5

    def test_goes_on_after_the_connection_broke(self, app, ctx, lamp, listener):
        if "postgresql" not in app.extensions["shop"].settings.database_url:
            pytest.skip("SQLite has no connection to break")
        position = listener.get_position()
        listener.wait_for_change(position, 5)
        position = listener.get_position()
        ctx.session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query LIKE '%seq IS NULL%' AND pid <> pg_backend_pid()"
            )
        )
        assert listener.wait_for_change(position, 5)


def wait_after(app, listener, cursor):
    with app.app_context():
        return changes.wait_for_changes(
            ShopContext(app.extensions["sqlalchemy"].session()), listener, cursor, 10, 20
        )


async def read_first_kind(stream, cursor):
    return (await anext(stream.read_after(cursor)))[0].kind


def test_however_many_coroutines_wait_the_feed_is_read_once_for_all(app, ctx, lamp, listener):
    reads = []

    def read_and_record(cursor):
        reads.append(cursor)
        with app.app_context():
            return changes.read_changes(ShopContext(app.extensions["sqlalchemy"].session()), cursor)

    async def follow_feed():
        stream = ChangeStream(listener, lambda cursor: asyncio.to_thread(read_and_record, cursor))
        async with asyncio.timeout(TIMEOUT):
            return await asyncio.gather(*(read_first_kind(stream, 0) for _ in range(200)))

    with ThreadPoolExecutor(1) as thread:  # because a browser test may have left its event loop in this one
        kinds = thread.submit(asyncio.run, follow_feed()).result()
    assert (kinds, reads) == (["created"] * 200, [0])
