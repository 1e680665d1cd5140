"""The migrations: upgrade and downgrade, on both databases, without losing a row."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from flask import Flask
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from shop.app import find_migrations
from shop.cli.migrations import create_migratable_app
from shop.model.entity import Base
from shop.services.search import catch_up_index
from shop.storage.change_log import number_waiting_rows
from shop.storage.migration_state import is_model_table
from tests.conftest import HEAD, KEY, enroll_user, fresh_postgres, login, settings_for
from tests.load import wait_until
from tests.running import post_json, serving

TABLES = set(Base.metadata.tables)
STEP = '''"""Step {number}."""

import os
import signal

import sqlalchemy as sa
from alembic import op

revision = "{number}"
down_revision = "{before}"


def upgrade():
    {up}


def downgrade():
    {down}
'''
WIDEN = """with op.batch_alter_table("users") as table:
        table.add_column(sa.Column("nickname", sa.String(50), nullable=True))
        table.alter_column("username", existing_type=sa.String(80), type_=sa.String(100))"""
NARROW = """with op.batch_alter_table("users") as table:
        table.alter_column("username", existing_type=sa.String(100), type_=sa.String(80))
        table.drop_column("nickname")"""
CHANGE = """op.create_table("extras", sa.Column("id", sa.Integer()))
    op.execute("UPDATE users SET role = 'customer'")"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'shop.db'}"
    else:
        with fresh_postgres(request.getfixturevalue("postgres")) as fresh:
            yield fresh


@pytest.fixture
def shop(url, isolated_logging) -> Iterator[Flask]:
    """A shop on that database, before the first migration."""
    app = create_migratable_app(settings_for(url))
    with app.app_context():
        yield app
        app.extensions["shop"].engine.dispose()


@pytest.fixture
def engine(shop) -> Engine:
    return shop.extensions["shop"].engine


@pytest.fixture
def full_shop(shop) -> Flask:
    """The shop after all migrations, with at least one row in every table."""
    upgrade()
    enroll_user(shop, "grace", "staff")
    token = login(shop.test_client(), "grace")["access_token"]
    execute(shop.extensions["shop"].engine, """INSERT INTO products
        (name, name_key, description, words, price, stock, created_at, updated_at, version)
        VALUES ('a', 'a', '', 'a', 1, 1, '2026-01-01', '2026-01-01', 1)""")  # fmt: skip
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "furniture"}
    with shop.app_context():  # otherwise the request would share its `g` with the login
        shop.test_client().post("/api/v1/products/1/buy", json={"quantity": 1}, headers=headers)
        shop.test_client().post("/api/v1/drafts", headers={"Authorization": f"Bearer {token}"})
        hook = {"url": "https://8.8.8.8/", "events": ["*"]}
        bearer = {"Authorization": f"Bearer {token}"}
        shop.test_client().post("/api/v1/hooks", json=hook, headers=bearer)
        shop.test_client().post("/api/v1/hooks/1/ping", headers=bearer)
        line = {"product_id": 1, "quantity": 1}
        shop.test_client().post(
            "/api/v1/drafts/1/add", json=line, headers={"Authorization": f"Bearer {token}"}
        )
    return shop


@pytest.fixture
def steps(tmp_path) -> Path:
    """A copy of the migrations, to which a test can add more."""
    return Path(shutil.copytree(find_migrations(), tmp_path / "migrations"))


def add_step(steps: Path, number: str, up: str, down: str = "pass") -> None:
    last = sorted(path.name[:4] for path in (steps / "versions").glob("0*.py"))[-1]
    (steps / "versions" / f"{number}_more.py").write_text(
        STEP.format(number=number, before=last, up=up, down=down)
    )


def execute(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def fetch_value(engine: Engine, statement: str) -> object:
    with engine.connect() as connection:
        return connection.execute(text(statement)).scalar()


def find_tables(engine: Engine) -> set[str]:
    """Return the tables of the models and any other table, without those that triggers maintain."""
    found = inspect(engine).get_table_names()
    return {name for name in found if is_model_table(name, "table")} - {"alembic_version"}


def count_rows(engine: Engine) -> dict[str, object]:
    return {
        name: fetch_value(engine, f"SELECT count(*) FROM {name}")
        for name in sorted(find_tables(engine) & TABLES)
    }


def describe_tables(engine: Engine) -> dict[str, dict[str, list[str]]]:
    """Return columns, keys, constraints and indexes of all tables in a form that can be compared."""
    inspector = inspect(engine)
    parts = {
        "columns": lambda name: [
            {**each, "type": str(each["type"]), "default": bool(each["default"])}
            for each in inspector.get_columns(name)
        ],
        "primary": lambda name: [inspector.get_pk_constraint(name)],
        "foreign": inspector.get_foreign_keys,
        "unique": inspector.get_unique_constraints,
        "checks": inspector.get_check_constraints,
        "indexes": lambda name: [
            {**each, "dialect_options": sorted(map(str, each.get("dialect_options", {}).values()))}
            for each in inspector.get_indexes(name)
        ],
    }
    return {
        name: {part: sorted(str(sorted(each.items())) for each in of(name)) for part, of in parts.items()}
        for name in find_tables(engine)
    }


# ---- Upgrade and downgrade -------------------------------------------------------------------------


def test_the_steps_build_every_table(shop, engine):
    upgrade()
    assert find_tables(engine) == TABLES


def test_the_steps_build_just_what_the_models_say(shop, engine, tmp_path, postgres):
    upgrade()
    with fresh_postgres(postgres) as other:
        sqlite = engine.dialect.name == "sqlite"
        beside = create_engine(f"sqlite:///{tmp_path}/beside.db" if sqlite else other)
        Base.metadata.create_all(beside)
        assert describe_tables(engine) == describe_tables(beside)
        beside.dispose()


def test_alembic_finds_nothing_left_to_do(shop):
    upgrade()
    check()  # exits if there is a difference, as the next test shows


def test_alembic_would_find_an_index_that_is_missing(shop, engine):
    upgrade()
    execute(engine, "DROP INDEX ix_products_live_price")
    with pytest.raises(SystemExit):
        check()


def test_the_steps_may_be_run_again(full_shop, engine):
    before = count_rows(engine)
    upgrade()
    assert count_rows(engine) == before


def test_all_steps_can_be_taken_back_from_under_a_full_shop(full_shop, engine):
    downgrade(revision="base")
    assert find_tables(engine) == set()


def test_a_shop_taken_down_can_be_built_again(full_shop, engine):
    before = describe_tables(engine)
    downgrade(revision="base")
    upgrade()
    filled = {name for name, count in count_rows(engine).items() if count}
    assert (describe_tables(engine), filled) == (before, {"feed_positions"})


def test_every_constraint_has_a_name(shop, engine):
    upgrade()
    parts = ["foreign", "unique", "checks", "indexes"]  # SQLite cannot name an autoincrement key
    found = [table[part] for table in describe_tables(engine).values() for part in parts]
    assert "('name', None)" not in str(found)


def test_every_constraint_of_the_models_has_a_name():
    constraints = [each for table in Base.metadata.tables.values() for each in table.constraints]
    assert all(each.name for each in constraints)


def test_two_machines_may_begin_the_same_steps_at_once(shop, engine, url):
    code = "from shop.cli import main; import sys; sys.argv = ['shop', 'db', 'upgrade']; main()"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], env={"SHOP_SECRET_KEY": KEY, "SHOP_DATABASE_URL": url}, cwd="/"
        )
        for _ in range(2)
    ]
    assert ([each.wait(30) for each in both], find_tables(engine)) == ([0, 0], TABLES)


# ---- A migration that rebuilds a table with foreign keys to it --------------------------------------


def test_a_rebuilt_parent_keeps_its_children(full_shop, engine, steps):
    add_step(steps, "0101", WIDEN, NARROW)
    before = count_rows(engine)
    upgrade(directory=str(steps))
    assert (count_rows(engine), min(before.values()) > 0) == (before, True)


def test_a_parent_rebuilt_and_taken_back_keeps_its_children(full_shop, engine, steps):
    add_step(steps, "0101", WIDEN, NARROW)
    before, built = count_rows(engine), describe_tables(engine)
    upgrade(directory=str(steps))
    downgrade(directory=str(steps))
    assert (count_rows(engine), describe_tables(engine)) == (before, built)


def test_a_rebuilt_parent_keeps_its_constraints(full_shop, engine, steps):
    add_step(steps, "0101", WIDEN, NARROW)
    before = describe_tables(engine)["users"]
    upgrade(directory=str(steps))
    after = describe_tables(engine)["users"]
    assert {**before, "columns": []} == {**after, "columns": []}


def test_a_parent_rebuilt_without_our_care_would_lose_its_children(full_shop, engine, steps):
    """This is why env.py exists: the same migration, run as by Alembic's template, on SQLite."""
    if engine.dialect.name != "sqlite":
        pytest.skip("only SQLite rebuilds tables")
    add_step(steps, "0101", WIDEN)
    careless = (steps / "env.py").read_text().replace("foreign_keys=OFF", "foreign_keys=ON")
    (steps / "env.py").write_text(careless)
    execute(engine, "DELETE FROM orders")  # their foreign key would only stop the migration
    upgrade(directory=str(steps))
    assert count_rows(engine)["logins"] == 0


def test_foreign_keys_hold_again_after_the_steps(full_shop, engine):
    if engine.dialect.name == "sqlite":
        assert fetch_value(engine, "PRAGMA foreign_keys") == 1
    execute(engine, "DELETE FROM orders")
    execute(engine, "DELETE FROM users")
    assert count_rows(engine)["logins"] == 0


def test_a_step_that_leaves_rows_that_refer_to_nothing_is_refused(full_shop, engine, steps):
    add_step(steps, "0101", "op.execute('DELETE FROM users WHERE id = 1'); op.execute(\"INSERT INTO logins"
        " VALUES ('a', 77, 'b', '2030-01-01')\")")  # fmt: skip
    before = count_rows(engine)
    with pytest.raises((SystemExit, IntegrityError)):
        upgrade(directory=str(steps))
    assert count_rows(engine) == before


# ---- Tables that triggers maintain ----------------------------------------------------------------

GOODS = """INSERT INTO products
    (name, name_key, description, words, price, stock, created_at, updated_at, retired_at, version) VALUES
    ('Oak', 'oak', '', 'oak', 1, 1, '2026-01-01', '2026-01-01', NULL, 1),
    ('Ash', 'ash', '', 'ash', 1, 1, '2026-01-01', '2026-01-01', NULL, 1),
    ('Old oak', 'old oak', '', 'old oak', 1, 1, '2026-01-01', '2026-01-01', '2026-01-02', 1)"""


REBUILD = """with op.batch_alter_table("products") as table:
        table.alter_column("name", existing_type=sa.String(100), type_=sa.String(120))"""


def count_found(shop: Flask, words: str = "") -> int:
    return shop.test_client().get(f"/api/v1/products?q={words}").json["total"]


def test_what_was_there_before_is_counted_and_found(shop, engine):
    upgrade(revision="0002")
    execute(engine, GOODS)
    upgrade()
    assert (count_found(shop), count_found(shop, "oak")) == (2, 1)


def test_what_was_there_before_is_taken_into_the_index(shop, engine):
    upgrade(revision="0002")
    execute(engine, GOODS)
    upgrade()
    assert wait_until(
        lambda: catch_up_index(engine) or fetch_value(engine, "SELECT count(*) FROM kept_words") == 2
    )


def test_a_step_back_and_up_again_counts_anew(shop, engine):
    upgrade()
    execute(engine, GOODS)
    downgrade(revision="0002")
    execute(engine, GOODS)
    upgrade()
    assert (count_found(shop), count_found(shop, "oak")) == (4, 2)


def test_a_rebuilt_table_keeps_its_triggers(full_shop, engine, steps):
    add_step(steps, "0101", REBUILD)
    upgrade(directory=str(steps))
    execute(engine, GOODS)
    assert (count_found(full_shop), count_found(full_shop, "oak")) == (3, 1)


def test_a_table_rebuilt_without_our_care_would_lose_its_triggers(full_shop, engine, steps):
    if engine.dialect.name != "sqlite":
        pytest.skip("only SQLite rebuilds tables")
    add_step(steps, "0101", REBUILD)
    careless = (steps / "env.py").read_text().replace("        keep_triggers(connection)\n", "")
    (steps / "env.py").write_text(careless)
    upgrade(directory=str(steps))
    lost = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'products'"
    assert fetch_value(engine, lost) == 0


def test_whoever_may_not_make_extensions_can_search_all_the_same(postgres, isolated_logging):
    with fresh_postgres(postgres) as url:
        admin_engine, role_name = create_engine(url), f"plain_{uuid4().hex[:8]}"
        execute(
            admin_engine,
            f"CREATE ROLE {role_name} LOGIN PASSWORD 'x'; GRANT ALL ON SCHEMA public TO {role_name}",
        )
        app = create_migratable_app(
            settings_for(str(make_url(url).set(username=role_name, password="x").render_as_string(False)))
        )
        with app.app_context():
            upgrade()
            execute(engine := app.extensions["shop"].engine, GOODS)
            catch_up_index(engine)
            answer = (
                fetch_value(engine, "SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'"),
                count_found(app, "oak"),
            )
            engine.dispose()
        execute(admin_engine, f"DROP OWNED BY {role_name}; DROP ROLE {role_name}")
        admin_engine.dispose()
    assert answer == (0, 1)


# ---- Version n-1 on the schema of version n ----------------------------------------------------------

EXPAND = """op.create_table("parcels", sa.Column("id", sa.Integer(), primary_key=True))
    op.create_index("ix_orders_tracking", "orders", ["tracking"])
    with op.batch_alter_table("orders") as table:
        table.add_column(sa.Column("parcel_id", sa.Integer(), nullable=True))
        table.add_column(sa.Column("gift", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("products") as table:
        table.add_column(sa.Column("weight", sa.Integer(), nullable=True))"""
CONTRACT = """with op.batch_alter_table("orders") as table:
        table.drop_column("currency")"""


def sell_and_deliver(root: str, token: str) -> list[int]:
    """Buy a product, pay, ship and deliver the order; return the statuses of the answers."""
    lines = {"items": [{"product_id": 2, "quantity": 1}]}
    words = [
        ("", lines),
        ("/2/pay", {"reference": "r"}),
        ("/2/ship", {"tracking": "t"}),
        ("/2/deliver", {}),
    ]
    return [post_json(root, f"/orders{path}", body, token).status_code for path, body in words]


@pytest.fixture
def staff_token(full_shop, engine):
    """The token of staff; there is a second product to sell."""
    execute(engine, """INSERT INTO products
        (name, name_key, description, words, price, stock, created_at, updated_at, version)
        VALUES ('b', 'b', '', 'b', 1, 9, '2026-01-01', '2026-01-01', 1)""")  # fmt: skip
    return login(full_shop.test_client(), "grace")["access_token"]


def test_a_step_that_expands_is_taken_under_a_shop_that_sells_on(full_shop, staff_token, engine, steps, url):
    add_step(steps, "0101", EXPAND)
    with serving(url) as (old,):
        upgrade(directory=str(steps))
        answers = sell_and_deliver(old.root, staff_token)
        ready = requests.get(f"http://127.0.0.1:{old.port}/health/ready", timeout=5).json()
    assert (answers, ready["schema"], fetch_value(engine, "SELECT stock FROM products WHERE id = 2")) == (
        [201, 200, 200, 200], "0101", 8,
    )  # fmt: skip


def test_the_version_before_starts_again_on_a_step_that_expands(full_shop, staff_token, steps, url):
    add_step(steps, "0101", EXPAND)
    upgrade(directory=str(steps))
    with serving(url) as (old,):
        assert sell_and_deliver(old.root, staff_token) == [201, 200, 200, 200]


def test_a_step_that_contracts_too_soon_breaks_the_version_before(full_shop, staff_token, steps):
    """This is why docs/migrations.md has its rules."""
    add_step(steps, "0101", CONTRACT)
    upgrade(directory=str(steps))
    lines, bearer = {"items": [{"product_id": 2, "quantity": 1}]}, {"Authorization": f"Bearer {staff_token}"}
    with full_shop.app_context():
        assert full_shop.test_client().post("/api/v1/orders", json=lines, headers=bearer).status_code == 500


# ---- A migration that fails half-way ---------------------------------------------------------------


@pytest.fixture
def failing_steps(full_shop, engine, steps) -> Path:
    """Two more migrations, the second of which fails after it has changed rows."""
    add_step(steps, "0101", WIDEN, NARROW)
    add_step(steps, "0102", f"{CHANGE}\n    1 / 0")
    return steps


def mend_step(steps: Path) -> None:
    path = steps / "versions" / "0102_more.py"
    path.write_text(path.read_text().replace("1 / 0", "pass"))


def fetch_role(engine: Engine) -> object:
    return fetch_value(engine, "SELECT role FROM users")


def test_a_step_that_fails_takes_all_back(failing_steps, engine):
    before = (describe_tables(engine), count_rows(engine), fetch_role(engine))
    with pytest.raises(ZeroDivisionError):
        upgrade(directory=str(failing_steps))
    assert (describe_tables(engine), count_rows(engine), fetch_role(engine)) == before


def test_a_shop_whose_step_failed_is_still_at_the_step_before(failing_steps, engine):
    with pytest.raises(ZeroDivisionError):
        upgrade(directory=str(failing_steps))
    assert fetch_value(engine, "SELECT version_num FROM alembic_version") == HEAD


def test_foreign_keys_hold_again_after_a_step_that_failed(failing_steps, engine):
    with pytest.raises(ZeroDivisionError):
        upgrade(directory=str(failing_steps))
    execute(engine, "DELETE FROM orders")
    execute(engine, "DELETE FROM users")
    assert count_rows(engine)["logins"] == 0


def test_a_step_that_failed_can_be_run_again_once_it_is_mended(failing_steps, engine):
    with pytest.raises(ZeroDivisionError):
        upgrade(directory=str(failing_steps))
    before = count_rows(engine)
    mend_step(failing_steps)
    upgrade(directory=str(failing_steps))
    assert ("extras" in find_tables(engine), fetch_role(engine), count_rows(engine)) == (
        True,
        "customer",
        before,
    )


def test_a_machine_that_dies_in_a_step_leaves_the_shop_as_it_was(failing_steps, engine, url):
    before = (describe_tables(engine), count_rows(engine), fetch_role(engine))
    path = failing_steps / "versions" / "0102_more.py"
    path.write_text(path.read_text().replace("1 / 0", "os.kill(os.getpid(), signal.SIGKILL)"))
    code = f"import sys; from shop.cli import main; sys.argv = ['shop', 'db', 'upgrade', '-d', {str(failing_steps)!r}]; main()"
    environ = {"SHOP_SECRET_KEY": KEY, "SHOP_DATABASE_URL": url}
    died = subprocess.run([sys.executable, "-c", code], env=environ, cwd="/", timeout=30, check=False)
    assert died.returncode == -9
    assert (describe_tables(engine), count_rows(engine), fetch_role(engine)) == before


# ---- Migration 0006: numbers apart from ids --------------------------------------------------------

OLD_CHANGE = """INSERT INTO changes (kind, product_id, price, stock, at)
    VALUES ('stocked', 1, 1, 1, '2026-01-01')"""
OLD_STEP = (
    "INSERT INTO order_steps (order_id, move, \"by\", at) SELECT min(id), 'pay', 1, '2026-01-01' FROM orders"
)


def read_numbers(engine: Engine) -> list[list[int]]:
    """Return the numbers of the changes and of the steps, which were their ids before."""
    columns = {each["name"] for each in inspect(engine).get_columns("order_steps")}
    queries = ("SELECT seq FROM changes", f"SELECT {'seq' if 'seq' in columns else 'id'} FROM order_steps")
    with engine.connect() as connection:
        return [sorted(connection.scalars(text(query))) for query in queries]


@pytest.fixture
def old_shop(full_shop, engine) -> Engine:
    """The database of the version before, with gaps in its numbers."""
    downgrade(revision="0005")
    for statement in (OLD_CHANGE, OLD_STEP) * 3:
        execute(engine, statement)
    execute(engine, "DELETE FROM changes WHERE seq = 2")
    execute(engine, "DELETE FROM order_steps WHERE id = 2")
    return engine


def test_numbers_are_kept(old_shop):
    before = read_numbers(old_shop)
    upgrade()
    assert (read_numbers(old_shop), before) == (before, [[1, 3, 4], [1, 3, 4]])


def test_the_version_before_writes_on_where_it_was(old_shop):
    upgrade()
    for statement in (OLD_CHANGE, OLD_STEP):
        execute(old_shop, statement)
    assert read_numbers(old_shop) == [[1, 3, 4, 5], [1, 3, 4, 5]]


def test_numbers_are_kept_on_the_way_back(old_shop):
    upgrade()
    execute(old_shop, OLD_CHANGE)
    downgrade(revision="0005")
    execute(old_shop, OLD_CHANGE)
    assert read_numbers(old_shop)[0] == [1, 3, 4, 5, 6]


def test_what_waits_for_a_number_gets_one_on_the_way_back(old_shop):
    if old_shop.dialect.name == "sqlite":
        pytest.skip("no row waits there")
    upgrade()
    execute(old_shop, OLD_CHANGE.replace("(kind", "(seq, kind").replace("('stocked'", "(NULL, 'stocked'"))
    downgrade(revision="0005")
    assert read_numbers(old_shop)[0] == [1, 3, 4, 5]


@pytest.mark.parametrize("number", ["0", "NULL"])  # as of the version before, and of this one
def test_a_cursor_of_the_version_before_passes_no_step(old_shop, number):
    """Its cursors are ids, and the ids of what was rolled back are lost."""
    if old_shop.dialect.name == "sqlite":
        pytest.skip("a rollback loses no id there")
    upgrade()
    execute(old_shop, "SELECT setval('order_steps_id_seq', 20)")
    execute(old_shop, OLD_STEP)
    cursor = fetch_value(old_shop, "SELECT max(id) FROM order_steps")
    execute(old_shop, OLD_STEP.replace("(order_id", "(seq, order_id").replace("SELECT", f"SELECT {number},"))
    with old_shop.connect() as connection:
        number_waiting_rows(connection, "order_steps")
    assert (cursor, read_numbers(old_shop)[1][-2:]) == (21, [21, 22])
