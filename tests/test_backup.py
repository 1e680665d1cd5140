"""`shop backup`: a consistent copy of a live database, which a shop can use."""

import sqlite3
import threading

import pytest
import requests
from sqlalchemy.engine import make_url

from shop.app import create_app
from shop.cli.migrations import upgrade_database
from shop.domain.product import Product
from tests.conftest import enroll_user, fresh_postgres, settings_for
from tests.running import post_json, serving
from tests.test_cli import is_refused

STOCK = 10_000


@pytest.fixture
def token(empty_folder, isolated_logging):
    """The token of staff in a shop with one product."""
    app = create_app(settings_for(f"sqlite:///{empty_folder}/shop.db"))
    with app.app_context():
        upgrade_database()
        session = app.extensions["sqlalchemy"].session
        session.add(Product(name="Desk", description="", price=1, stock=STOCK))
        session.commit()
    return enroll_user(app, "grace", "staff")[1]["access_token"]


def query(file, statement):
    with sqlite3.connect(file) as connection:
        rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


def buy(root, token):
    answer = post_json(root, "/orders", {"items": [{"product_id": 1, "quantity": 1}]}, token)
    return answer.json()["id"] if answer.status_code == 201 else None


def test_what_is_taken_while_many_buy_is_whole_and_opens_a_shop(run, token, empty_folder):
    url, bought, over = f"sqlite:///{empty_folder}/shop.db", [], threading.Event()
    with serving(url) as (shop,):

        def buy_until_over():
            while not over.is_set():
                bought.append(buy(shop.root, token))

        clients = [threading.Thread(target=buy_until_over) for _ in range(4)]
        [client.start() for client in clients]
        while len(bought) < 10 and any(client.is_alive() for client in clients):
            over.wait(0.01)
        before = len(bought)
        codes = [run("backup", f"{number}.db").code for number in range(2)]
        after = len(bought)
        over.set()
        [client.join() for client in clients]
    [(sold, left)] = query("1.db", "SELECT (SELECT SUM(quantity) FROM order_items), stock FROM products")
    assert (codes, query("1.db", "PRAGMA integrity_check")) == ([0, 0], [("ok",)])
    assert (sold + left, before <= sold <= after + 4, before < after) == (STOCK, True, True)
    with serving(f"sqlite:///{empty_folder}/1.db") as (restored,):
        orders = requests.get(
            f"{restored.root}/orders", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        assert (orders.json()["total"], buy(restored.root, token)) == (sold, sold + 1)


def test_a_copy_is_for_its_owner_alone(run, token, empty_folder):
    run("backup", "copy.db")
    assert (empty_folder / "copy.db").stat().st_mode & 0o777 == 0o600


def test_a_copy_passes_the_check(run, token, empty_folder):
    run("backup", "copy.db")
    assert run("check", database_url=f"sqlite:///{empty_folder}/copy.db").code == 0


def test_a_copy_never_overwrites(run, token, empty_folder):
    (empty_folder / "copy.db").write_text("mine")
    assert is_refused(run("backup", "copy.db"), "copy.db already exists; it was not changed")
    assert (empty_folder / "copy.db").read_text() == "mine"


def test_a_copy_that_fails_leaves_nothing_behind(run, token, empty_folder):
    query("shop.db", "PRAGMA wal_checkpoint(TRUNCATE)")
    [(page,)] = query("shop.db", "SELECT rootpage FROM sqlite_schema WHERE name = 'products'")
    with (empty_folder / "shop.db").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
    assert is_refused(run("backup", "copy.db"), "malformed")
    assert not [each for each in empty_folder.iterdir() if "copy" in each.name]


@pytest.mark.parametrize("name", ["missing/copy.db", "/sys/copy.db"])
def test_a_copy_that_cannot_be_made_is_one_line(run, token, name):
    assert is_refused(run("backup", name), name.partition("/copy")[0])


def test_postgresql_is_left_to_its_own_tool_with_the_line_to_say(run, postgres):
    with fresh_postgres(postgres) as url:
        run("db", "upgrade", database_url=url)
        secret = make_url(url).set(password="hunter2").render_as_string(hide_password=False)
        result = run("backup", "copy.dump", database_url=secret)
    assert is_refused(result, "for PostgreSQL use pg_dump --format=custom --file=copy.dump postgresql://")
    assert "hunter2" not in result.err
