"""The numbers of the feeds: given after the commit on PostgreSQL, and with the INSERT on SQLite."""

import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import event, insert, text

from shop.domain.change import Change
from shop.domain.order import Order
from shop.domain.product import Product
from shop.model.moves import STAFF
from shop.services import changes, orders
from shop.services.context import ShopContext
from shop.storage import change_listener, change_log
from shop.storage.change_listener import ChangeListener, poll_postgresql
from shop.storage.change_log import LOCK_ID
from shop.storage.execution import create, execute
from shop.storage.transactions import Actor

BACKENDS = ["sqlite", "postgresql"]
LAMP = {"name": "Lamp", "description": "", "price": 8950, "stock": 30}
INSERT = """INSERT INTO changes (seq, kind, product_id, price, stock, at)
            VALUES (NULL, 'stocked', :id, 1, 1, '2026-01-01 00:00:00+00:00')"""
OLD_INSERT = """INSERT INTO changes (kind, product_id, price, stock, at)
                VALUES ('stocked', 1, 1, 1, '2026-01-01 00:00:00+00:00')"""
WRITERS, GOODS, COMMITS, READERS = 8, 3, 15, 3
TIMEOUT = 30


@pytest.fixture
def ctx(session, staff):
    return ShopContext(session, Actor(staff.id, STAFF, ""))


@pytest.fixture
def engine(app, session):
    return app.extensions["shop"].engine


@pytest.fixture
def postgresql(backend):
    if backend != "postgresql":
        pytest.skip("SQLite has one writer")


@pytest.fixture
def sqlite(backend):
    if backend != "sqlite":
        pytest.skip("on PostgreSQL rows are numbered after their commit")


@contextmanager
def own_context(app, actor):
    with app.app_context():
        yield ShopContext(app.extensions["sqlalchemy"].session(), actor)


def write_changes(connection, *product_ids):
    """Write changes without numbers; they are told apart by their products."""
    for id in product_ids:
        connection.execute(text(INSERT), {"id": id})


def write_and_commit(engine, *product_ids):
    with engine.begin() as connection:
        write_changes(connection, *product_ids)


def read_numbers(engine):
    """Return the numbers that are in the table, by product, without numbering anything."""
    with engine.connect() as connection:
        return dict(connection.execute(text("SELECT product_id, seq FROM changes ORDER BY id")).all())


def read_pairs(ctx, after=0):
    ctx.session.rollback()
    return [(each.seq, each.product_id) for each in changes.read_changes(ctx, after)]


# ---- An older transaction that commits after a newer one ------------------------------------------


class PausedMove:
    """A move whose rows are written, in a transaction that stays open until the end of the block."""

    def __init__(self, app, actor, kind, id, name, data):
        self.app, self.actor, self.call = app, actor, (kind, id, name, data)
        self.is_written, self.may_commit = threading.Event(), threading.Event()
        self.pool = ThreadPoolExecutor(1)

    def make(self):
        with own_context(self.app, self.actor) as ctx:
            event.listen(ctx.session, "before_commit", self.pause)
            execute(ctx, *self.call)

    def pause(self, _):
        self.is_written.set()
        self.may_commit.wait(TIMEOUT)

    def __enter__(self):
        self.move = self.pool.submit(self.make)
        assert self.is_written.wait(TIMEOUT)
        return self

    def __exit__(self, *_):
        self.may_commit.set()
        self.move.result(TIMEOUT)
        self.pool.shutdown()


@pytest.fixture
def two_products(ctx):
    return [create(ctx, Product, "create", LAMP).id for _ in range(2)]


@pytest.fixture
def two_orders(ctx, two_products):
    lines = [{"items": [{"product_id": id, "quantity": 1}]} for id in two_products]
    return [orders.place_order(ctx, each).id for each in lines]


def test_a_reader_misses_no_change_of_an_older_transaction(app, ctx, two_products, postgresql):
    """This fails if a row has its number before its commit: the older row would have the smaller one."""
    first, second = two_products
    cursor = changes.find_newest_change(ctx)
    ctx.session.rollback()
    with PausedMove(app, ctx.actor, Product, first, "restock", {"amount": 1}):
        execute(ctx, Product, second, "restock", {"amount": 1})  # waits for nothing
        early = read_pairs(ctx, cursor)
    late = read_pairs(ctx, early[-1][0])
    assert ([id for _, id in early], [id for _, id in late]) == ([second], [first])
    assert late[0][0] > early[0][0] > cursor


def test_a_reader_misses_no_step_of_an_older_transaction(app, ctx, two_orders, postgresql):
    first, second = two_orders
    cursor = changes.find_newest_step(ctx)
    ctx.session.rollback()

    def read_steps(after):
        ctx.session.rollback()
        return [(each.seq, each.order_id) for each in changes.read_steps(ctx, after)]

    with PausedMove(app, ctx.actor, Order, first, "cancel", {}):
        execute(ctx, Order, second, "cancel", {})
        early = read_steps(cursor)
    late = read_steps(early[-1][0])
    assert ([id for _, id in early], [id for _, id in late]) == ([second], [first])
    assert late[0][0] > early[0][0] > cursor


def test_a_row_has_no_number_while_its_transaction_can_still_be_taken_back(engine, ctx, postgresql):
    with engine.connect() as older:
        write_changes(older, 1)
        write_and_commit(engine, 2)
        assert read_pairs(ctx) == [(2, 2)]
        older.rollback()
    assert (read_pairs(ctx), read_numbers(engine)) == ([(2, 2)], {2: 2})


def test_a_checkout_takes_no_lock_that_another_waits_for(ctx, two_products, statements, postgresql):
    statements.clear()
    orders.place_order(ctx, {"items": [{"product_id": id, "quantity": 1} for id in two_products]})
    assert not [each for each in statements if "advisory" in each or "notify" in each.lower()]


# ---- Numbering -----------------------------------------------------------------------------------


class TestNumbering:
    def test_waits_until_a_reader_comes(self, engine, ctx, postgresql):
        write_and_commit(engine, 7, 8)
        before = read_numbers(engine)
        assert (before, read_pairs(ctx)) == ({7: None, 8: None}, [(1, 7), (2, 8)])

    def test_happens_with_the_insert_on_sqlite(self, engine, ctx, sqlite):
        with engine.begin() as connection:
            rows = [{"kind": "stocked", "product_id": id, "price": 1, "stock": 1} for id in (7, 8)]
            connection.execute(insert(Change.__table__), rows)
        assert read_numbers(engine) == {7: 1, 8: 2}

    def test_follows_the_order_of_ids(self, engine, ctx, postgresql):
        with engine.connect() as older:
            write_changes(older, 1)
            write_and_commit(engine, 2)
            older.commit()
        assert read_pairs(ctx) == [(1, 1), (2, 2)]

    def test_goes_on_where_it_ended(self, engine, ctx, postgresql):
        write_and_commit(engine, 1, 2)
        read_pairs(ctx)
        write_and_commit(engine, 3)
        assert read_pairs(ctx, 2) == [(3, 3)]

    def test_of_many_rows_takes_several_transactions(self, engine, ctx, monkeypatch, postgresql):
        monkeypatch.setattr(change_log, "BATCH_SIZE", 2)
        write_and_commit(engine, *range(10, 15))
        assert read_pairs(ctx) == [(number, number + 9) for number in range(1, 6)]

    def test_of_too_many_rows_does_not_hold_up_the_reader(self, engine, ctx, monkeypatch, postgresql):
        monkeypatch.setattr(change_log, "BATCH_SIZE", 2)
        write_and_commit(engine, *range(10, 15))
        with engine.connect() as connection:
            change_log.number_waiting_rows(connection, "changes", seconds=0)
        assert list(read_numbers(engine).values()) == [1, 2, None, None, None]

    def test_opens_no_transaction_when_nothing_waits(self, engine, ctx, statements, postgresql):
        write_and_commit(engine, 1)
        read_pairs(ctx)
        statements.clear()
        read_pairs(ctx)
        assert not [each for each in statements if "UPDATE" in each or "advisory" in each]

    def test_of_one_number_comes_once_when_many_read(self, app, engine, ctx, postgresql):
        write_and_commit(engine, *range(100))

        def read_all(_):
            with own_context(app, ctx.actor) as own:
                return read_pairs(own)

        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(read_all, range(6)))
        assert found == [[(number + 1, number) for number in range(100)]] * 6

    def test_that_must_wait_too_long_leaves_the_reader_what_has_a_number(self, engine, ctx, postgresql):
        write_and_commit(engine, 1)
        read_pairs(ctx)
        write_and_commit(engine, 2)
        with engine.begin() as other:
            other.execute(text(f"SELECT pg_advisory_xact_lock({LOCK_ID})"))
            began = time.monotonic()
            assert read_pairs(ctx) == [(1, 1)]
        assert (time.monotonic() - began < 4, read_pairs(ctx)) == (True, [(1, 1), (2, 2)])

    def test_that_must_wait_holds_up_no_queue_of_readers(self, app, engine, ctx, postgresql):
        write_and_commit(engine, 1)

        def read(_):
            with own_context(app, ctx.actor) as own:
                return read_pairs(own)

        with engine.begin() as other, ThreadPoolExecutor(6) as pool:
            other.execute(text(f"SELECT pg_advisory_xact_lock({LOCK_ID})"))
            began = time.monotonic()
            found = list(pool.map(read, range(6)))
        assert (found, time.monotonic() - began < 5) == ([[]] * 6, True)

    def test_is_left_out_where_nothing_can_be_written(self, engine, ctx, statements, postgresql):
        write_and_commit(engine, 1)
        statements.clear()
        with engine.connect() as connection:
            connection.execute(text("SET TRANSACTION READ ONLY"))
            assert not change_log.number_waiting_rows(connection, "changes")
        assert (read_numbers(engine), [each for each in statements if "UPDATE" in each]) == ({1: None}, [])

    def test_does_not_wait_for_the_commit_of_its_reader(self, engine, ctx, postgresql):
        """A reader may be inside a write transaction; the lock must be free before that commits."""
        write_and_commit(engine, 1)
        with ctx.transaction() as session:
            session.execute(text("UPDATE changes SET price = price WHERE id = 0"))
            changes.find_newest_change(ctx)
            with engine.begin() as other:
                assert other.scalar(text(f"SELECT pg_try_advisory_xact_lock({LOCK_ID})"))

    def test_keeps_what_is_read_out_of_the_response_cache(self, engine, ctx, postgresql):
        write_and_commit(engine, 1)
        read_pairs(ctx)
        assert not ctx.recording.is_complete


class TestListener:
    @pytest.fixture
    def listener(self, engine):
        found = ChangeListener(engine)
        yield found
        found.stop()

    def test_numbers_what_no_reader_has_asked_for(self, engine, ctx, listener, postgresql):
        position = listener.get_position()
        while listener.wait_for_change(position, 0.3):
            position = listener.get_position()
        write_and_commit(engine, 5)
        assert (listener.wait_for_change(position, 5), read_numbers(engine)) == (True, {5: 1})

    def test_leaves_numbering_to_another_process_that_is_at_it(self, engine, ctx, listener, postgresql):
        with engine.begin() as other:
            other.execute(text(f"SELECT pg_advisory_xact_lock({LOCK_ID})"))
            write_and_commit(engine, 5)
            position = listener.get_position()
            listener.wait_for_change(position, 0.5)
            assert read_numbers(engine) == {5: None}
        position = listener.get_position()
        assert (listener.wait_for_change(position, 5), read_numbers(engine)) == (True, {5: 1})

    def test_looks_with_one_statement(self, engine, postgresql):
        with closing(engine.raw_connection()) as raw:
            assert raw.cursor().execute(change_log.build_look_query()).fetchone() == (None,) * 6


def test_a_purge_numbers_what_is_old_before_it_deletes(engine, ctx, postgresql):
    write_and_commit(engine, 1, 2, 3)
    assert (changes.purge_changes(ctx, 30), read_numbers(engine)) == (2, {3: 3})


# ---- The version before, which names no number -----------------------------------------------------


def test_a_row_of_the_version_before_gets_its_number_at_once(engine, ctx):
    for _ in range(2):
        with engine.begin() as connection:
            connection.execute(text(OLD_INSERT))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT seq FROM changes ORDER BY id")).scalars().all() == [1, 2]


def test_a_row_of_the_version_before_comes_after_those_that_wait(engine, ctx, postgresql):
    """It may be a later change of the same product."""
    write_and_commit(engine, 7, 8)
    with engine.begin() as connection:
        connection.execute(text(OLD_INSERT))
    assert read_numbers(engine) == {7: 1, 8: 2, 1: 3}


# ---- Many writers --------------------------------------------------------------------------------


def test_readers_get_every_change_of_many_writers_once_and_in_order(app, engine, ctx):
    goods = [create(ctx, Product, "create", LAMP).id for _ in range(GOODS)]
    ctx.session.rollback()
    listeners = [ChangeListener(engine) for _ in range(READERS)]  # as if each were in a process of its own
    count = GOODS + WRITERS * COMMITS

    def restock_in_turn(start):
        with own_context(app, ctx.actor) as own:
            for number in range(COMMITS):
                execute(own, Product, goods[(start + number) % GOODS], "restock", {"amount": 1})

    def follow_feed(listener):
        numbers, stocks, end = [0], defaultdict(list), time.monotonic() + TIMEOUT
        while len(numbers) <= count and time.monotonic() < end:
            with own_context(app, ctx.actor) as own:
                for row in changes.wait_for_changes(own, listener, numbers[-1], 7, 1):
                    numbers.append(row.seq)
                    stocks[row.product_id].append(row.stock)
        return numbers, stocks

    with ThreadPoolExecutor(READERS + WRITERS) as pool:
        readers = [pool.submit(follow_feed, each) for each in listeners]
        list(pool.map(restock_in_turn, range(WRITERS)))
        found = [each.result() for each in readers]
    for each in listeners:
        each.stop()
    stocks = {id: [*range(30, 31 + WRITERS * COMMITS // GOODS)] for id in goods}
    assert found == [([*range(count + 1)], stocks)] * READERS


@pytest.fixture
def sole_listener(monkeypatch):
    """No other thread of this process gives numbers."""
    this_thread, assign = threading.current_thread(), change_listener.assign_numbers

    def assign_here(*arguments, **options):
        return threading.current_thread() is this_thread and assign(*arguments, **options)

    monkeypatch.setattr(change_listener, "assign_numbers", assign_here)


def test_a_number_that_is_given_again_in_an_emptied_table_wakes_waiters(postgresql, engine, sole_listener):
    with closing(poll_postgresql(engine)) as looks:
        write_and_commit(engine, 1)
        seen = next(looks)
        with engine.begin() as connection:
            connection.execute(text("TRUNCATE changes RESTART IDENTITY"))
        write_and_commit(engine, 1)
        assert (seen, next(looks), next(looks)) == (True, True, False)
