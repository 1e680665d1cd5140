"""Health: alive without asking anybody; ready when the database is, and told within a second if it is not."""

import socket
import threading
import time

import pytest
from sqlalchemy import create_engine, text

from shop.app import create_app
from tests.conftest import HEAD, settings_for
from tests.servers import find_free_port

pytestmark = pytest.mark.v1  # health stands outside the versions


@pytest.fixture
def deaf():
    """A server that takes connections and never says a word, as one that hangs does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def asked(shop):
    """What a shop says of itself, and how long that took."""
    client, began = shop.test_client(), time.monotonic()
    return client.get("/health/ready"), time.monotonic() - began


@pytest.fixture
def alone(tmp_path, isolated_logging):
    """What a shop that needs no database of ours says of itself."""
    return lambda url=f"sqlite:///{tmp_path}/empty.db", **more: asked(create_app(settings_for(url, **more)))


def port_of(server):
    return server.getsockname()[1]


def at_step(app, step):
    with app.app_context():
        engine = app.extensions["shop"].engine
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :step"), {"step": step})


@pytest.fixture
def stepping(app):
    """Puts the database at another step, for the time of a test."""
    yield lambda step: at_step(app, step)
    at_step(app, HEAD)


def test_a_ready_shop_says_what_it_found(client):
    assert client.get("/health/ready").json == {
        "status": "ready", "database": "up", "schema": HEAD, "redis": "unset",
    }  # fmt: skip


def test_nobody_keeps_what_was_said(client):
    assert client.get("/health/ready").headers["Cache-Control"] == "no-store"


def test_life_needs_no_database(isolated_logging):
    client = create_app(settings_for("sqlite:////no/folder/shop.db")).test_client()
    assert client.get("/health/live").json == {"status": "up"}


def test_a_database_that_is_away_is_told_without_a_word_of_where(alone):
    answer, _ = alone(f"postgresql://hidden:hidden@127.0.0.1:{(port := find_free_port())}/hidden")
    assert (answer.status_code, answer.headers["Retry-After"], answer.json["database"]) == (503, "2", "down")
    assert not {"hidden", str(port), "127.0.0.1"} & set(answer.text.replace('"', " ").split())


def test_a_database_that_hangs_is_told_within_a_second(alone, deaf):
    answer, seconds = alone(f"postgresql://127.0.0.1:{port_of(deaf)}/shop")
    assert (answer.status_code, answer.json["database"], 0.7 < seconds < 1.8) == (503, "down", True)


def test_a_table_that_is_locked_is_told_within_a_second(app, backend, database_url):
    if backend != "postgresql":
        pytest.skip("readers of SQLite wait for nobody")
    with create_engine(database_url).begin() as other:
        other.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        answer, seconds = asked(app)
    assert (answer.status_code, seconds < 1.8) == (503, True)


def test_a_shop_is_ready_again_as_soon_as_its_database_is(app, client, backend, database_url):
    if backend != "postgresql":
        pytest.skip("readers of SQLite wait for nobody")
    with create_engine(database_url).begin() as other:
        other.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        client.get("/health/ready")
    assert client.get("/health/ready").status_code == 200


def test_however_many_ask_the_database_is_asked_once(deaf, isolated_logging):
    shop = create_app(settings_for(f"postgresql://127.0.0.1:{port_of(deaf)}/shop"))
    asking = [threading.Thread(target=asked, args=(shop,)) for _ in range(8)]
    [each.start() for each in asking]
    [each.join() for each in asking]
    deaf.setblocking(False)
    deaf.accept()[0].close()
    with pytest.raises(BlockingIOError):
        deaf.accept()


def test_a_database_that_is_behind_is_told_with_both_steps(client, stepping):
    stepping("0001")
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json["detail"]) == (503, f"The database is at step 0001, not {HEAD}.")


def test_a_database_without_tables_is_not_ready(alone):
    answer, _ = alone()
    assert answer.json["detail"] == f"The database is at step none, not {HEAD}."


def test_a_database_ahead_of_this_version_is_ready(client, stepping):
    stepping("9999")
    assert client.get("/health/ready").json["schema"] == "9999"


def test_a_shop_that_is_about_to_stop_is_not_ready(variant):
    shop = variant()
    shop.extensions["shop"].stopping.set()
    answer = shop.test_client().get("/health/ready")
    assert (answer.status_code, answer.json["detail"]) == (503, "This process is about to stop.")


def test_redis_is_reported(variant, redis):
    answer, _ = asked(variant(redis_url=redis))
    assert (answer.status_code, answer.json["redis"]) == (200, "up")


def test_a_redis_that_is_away_is_reported_and_not_missed(variant):
    answer, _ = asked(variant(redis_url=f"redis://127.0.0.1:{find_free_port()}/0"))
    assert (answer.status_code, answer.json["redis"]) == (200, "down")


def test_a_redis_that_hangs_is_told_in_a_fifth_of_a_second(alone, deaf):
    answer, seconds = alone(redis_url=f"redis://127.0.0.1:{port_of(deaf)}/0")
    assert (answer.json["redis"], seconds < 0.5) == ("down", True)


def test_everything_hanging_at_once_takes_no_longer(alone, deaf):
    there = port_of(deaf)
    answer, seconds = alone(f"postgresql://127.0.0.1:{there}/shop", redis_url=f"redis://127.0.0.1:{there}/0")
    assert (answer.status_code, seconds < 1.8) == (503, True)
