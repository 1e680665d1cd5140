"""Health checks: liveness uses no database; readiness needs it, and reports a failure within a second."""

import socket
import threading
import time

import pytest
from sqlalchemy import create_engine, text

from shop.app import create_app
from tests.conftest import HEAD, settings_for
from tests.servers import find_free_port

pytestmark = pytest.mark.v1  # the health checks have no version


@pytest.fixture
def silent_server():
    """A server that accepts connections and never answers, like one that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def check_readiness(shop):
    """Return the readiness of a shop, and how long the check took."""
    client, began = shop.test_client(), time.monotonic()
    return client.get("/health/ready"), time.monotonic() - began


@pytest.fixture
def check_new_shop(tmp_path, isolated_logging):
    """Checks the readiness of a new shop, which has its own database or none."""
    return lambda url=f"sqlite:///{tmp_path}/empty.db", **more: check_readiness(
        create_app(settings_for(url, **more))
    )


def get_port(server):
    return server.getsockname()[1]


def set_step(app, step):
    with app.app_context():
        engine = app.extensions["shop"].engine
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :step"), {"step": step})


@pytest.fixture
def set_database_step(app):
    """Sets the migration of the database, and restores it after the test."""
    yield lambda step: set_step(app, step)
    set_step(app, HEAD)


def test_a_ready_shop_says_what_it_found(client):
    assert client.get("/health/ready").json == {
        "status": "ready", "database": "up", "schema": HEAD, "redis": "unset",
    }  # fmt: skip


def test_nobody_keeps_what_was_said(client):
    assert client.get("/health/ready").headers["Cache-Control"] == "no-store"


def test_life_needs_no_database(isolated_logging):
    client = create_app(settings_for("sqlite:////no/folder/shop.db")).test_client()
    assert client.get("/health/live").json == {"status": "up"}


def test_a_database_that_is_away_is_told_without_a_word_of_where(check_new_shop):
    answer, _ = check_new_shop(f"postgresql://hidden:hidden@127.0.0.1:{(port := find_free_port())}/hidden")
    assert (answer.status_code, answer.headers["Retry-After"], answer.json["database"]) == (503, "2", "down")
    assert not {"hidden", str(port), "127.0.0.1"} & set(answer.text.replace('"', " ").split())


def test_a_database_that_hangs_is_told_within_a_second(check_new_shop, silent_server):
    answer, seconds = check_new_shop(f"postgresql://127.0.0.1:{get_port(silent_server)}/shop")
    assert (answer.status_code, answer.json["database"], 0.7 < seconds < 1.8) == (503, "down", True)


def test_a_table_that_is_locked_is_told_within_a_second(app, backend, database_url):
    if backend != "postgresql":
        pytest.skip("readers of SQLite wait for nobody")
    with create_engine(database_url).begin() as other:
        other.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        answer, seconds = check_readiness(app)
    assert (answer.status_code, seconds < 1.8) == (503, True)


def test_a_shop_is_ready_again_as_soon_as_its_database_is(app, client, backend, database_url):
    if backend != "postgresql":
        pytest.skip("readers of SQLite wait for nobody")
    with create_engine(database_url).begin() as other:
        other.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        client.get("/health/ready")
    assert client.get("/health/ready").status_code == 200


def test_however_many_ask_the_database_is_asked_once(silent_server, isolated_logging):
    shop = create_app(settings_for(f"postgresql://127.0.0.1:{get_port(silent_server)}/shop"))
    asking = [threading.Thread(target=check_readiness, args=(shop,)) for _ in range(8)]
    [each.start() for each in asking]
    [each.join() for each in asking]
    silent_server.setblocking(False)
    silent_server.accept()[0].close()
    with pytest.raises(BlockingIOError):
        silent_server.accept()


def test_a_database_that_is_behind_is_told_with_both_steps(client, set_database_step):
    set_database_step("0001")
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json["detail"]) == (503, f"The database is at step 0001, not {HEAD}.")


def test_a_database_without_tables_is_not_ready(check_new_shop):
    answer, _ = check_new_shop()
    assert answer.json["detail"] == f"The database is at step none, not {HEAD}."


def test_a_database_ahead_of_this_version_is_ready(client, set_database_step):
    set_database_step("9999")
    assert client.get("/health/ready").json["schema"] == "9999"


def test_a_shop_that_is_about_to_stop_is_not_ready(variant):
    shop = variant()
    shop.extensions["shop"].stopping.set()
    answer = shop.test_client().get("/health/ready")
    assert (answer.status_code, answer.json["detail"]) == (503, "This process is about to stop.")


def test_redis_is_reported(variant, redis):
    answer, _ = check_readiness(variant(redis_url=redis))
    assert (answer.status_code, answer.json["redis"]) == (200, "up")


def test_a_redis_that_is_away_is_reported_and_not_missed(variant):
    answer, _ = check_readiness(variant(redis_url=f"redis://127.0.0.1:{find_free_port()}/0"))
    assert (answer.status_code, answer.json["redis"]) == (200, "down")


def test_a_redis_that_hangs_is_told_in_a_fifth_of_a_second(check_new_shop, silent_server):
    answer, seconds = check_new_shop(redis_url=f"redis://127.0.0.1:{get_port(silent_server)}/0")
    assert (answer.json["redis"], seconds < 0.5) == ("down", True)


def test_everything_hanging_at_once_takes_no_longer(check_new_shop, silent_server):
    port = get_port(silent_server)
    answer, seconds = check_new_shop(
        f"postgresql://127.0.0.1:{port}/shop", redis_url=f"redis://127.0.0.1:{port}/0"
    )
    assert (answer.status_code, seconds < 1.8) == (503, True)
