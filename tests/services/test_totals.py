"""The database maintains the total: it is correct after every write, and writers do not wait for each other."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from shop.domain.product import Product
from shop.model.entity import now
from shop.services.search import STORED_TOTAL
from shop.storage.migration_state import find_drift

ROW = {"name": "a", "name_key": "a", "description": "", "words": "a", "price": 1, "stock": 1, "version": 1}
RETIRED = {**ROW, "retired_at": now()}
CHANGES = {
    "adding": insert(Product).values([ROW, ROW, RETIRED]),
    "retiring all": update(Product).values(retired_at=now()),
    "bringing all back": update(Product).values(retired_at=None),
    "deleting some": delete(Product).where(Product.id > 2),
    "deleting all": delete(Product),
    "selling": update(Product).values(stock=0),
}


@pytest.fixture
def engine(app):
    with app.app_context():
        return app.extensions["shop"].engine


def read_totals(engine):
    with engine.connect() as connection:
        counted = select(func.count()).where(Product.retired_at.is_(None))
        return connection.scalar(STORED_TOTAL), connection.scalar(counted)


@pytest.mark.parametrize("change", CHANGES)
def test_the_total_is_true_after(engine, change):
    with engine.begin() as connection:
        connection.execute(insert(Product), [ROW, ROW, RETIRED, ROW])
    with engine.begin() as connection:
        connection.execute(CHANGES[change])
    kept, counted = read_totals(engine)
    assert kept == counted


def test_the_total_is_what_it_was_when_a_change_is_taken_back(engine):
    with engine.connect() as connection:
        connection.execute(insert(Product), [ROW] * 3)
        connection.rollback()
    assert read_totals(engine) == (0, 0)


def test_the_total_is_true_after_many_changes_at_once(engine, backend):
    if backend == "sqlite":
        pytest.skip("SQLite has one writer at a time")

    def work(number):
        with Session(engine) as session:
            made = Product(name=f"lamp {number}", description="", price=1, stock=1)
            session.add(made)
            session.commit()
            if number % 3 == 0:
                made.retired_at = now()
            session.commit()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(120)))
    assert read_totals(engine) == (80, 80)


def test_whoever_adds_waits_for_nobody_who_adds(engine, backend):
    if backend == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with engine.connect() as slow, engine.connect() as quick:
        slow.execute(insert(Product), [ROW] * 2)
        quick.execute(text("SET lock_timeout = 200"))
        quick.execute(insert(Product), [ROW])
        quick.commit()
        slow.commit()
    assert read_totals(engine) == (3, 3)


def test_a_first_page_counts_nothing(client, product, statements):
    product()
    client.get("/api/v1/products?sort=price")
    assert not [each for each in statements if "count(" in each]


def test_the_parts_of_a_total_stay_few(engine):
    for _ in range(9):
        with engine.begin() as connection:
            connection.execute(insert(Product), [ROW])
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM kept_total")) <= 2


def test_a_trigger_that_somebody_dropped_is_noticed(engine, backend):
    name = "kept_words_update" if backend == "sqlite" else "kept_update"
    with engine.connect() as connection:
        found = "SELECT sql FROM sqlite_master WHERE name = :name"
        if backend != "sqlite":
            found = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = :name"
        made = connection.scalar(text(found), {"name": name})
        connection.execute(text(f"DROP TRIGGER {name}" + (" ON products" if backend != "sqlite" else "")))
        connection.commit()
        try:
            assert find_drift(engine) == [f"lost_trigger {name}"]
        finally:
            connection.exec_driver_sql(made)
            connection.commit()
