"""PostgreSQL restarted, stopped, frozen, without room for writing and without a place in the pool."""

import time

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.load import RECOVERY, shopping
from tests.running import serving


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_costs_nobody_an_order(cluster, scene, mode):
    with serving(scene.url) as (shop,), shopping([shop.root], scene.token) as load:
        cluster.control("restart", "-m", mode)
        assert load.goes_on()
    assert load.flaws(scene) == []


def test_while_it_is_stopped_the_answer_is_come_again(cluster, scene):
    with serving(scene.url) as (shop,), shopping([shop.root], scene.token) as load:
        with cluster.stopped():
            time.sleep(20)
            assert requests.get(f"{shop.home}/health/live", timeout=1).status_code == 200
            assert requests.get(f"{shop.home}/health/ready", timeout=3).status_code == 503
        assert load.goes_on()
        assert requests.get(f"{shop.home}/health/ready", timeout=3).status_code == 200
    assert load.refused() > 0
    assert load.flaws(scene) == []


def test_while_it_hangs_nobody_hangs_with_it(cluster, scene):
    with serving(scene.url) as (shop,), shopping([shop.root], scene.token) as load:
        with cluster.frozen():
            time.sleep(9)
            assert load.refused() > 0
        assert load.goes_on()
    assert load.flaws(scene) == []


def test_a_primary_that_may_only_be_read_takes_no_orders_and_is_read(cluster, scene):
    with serving(scene.url) as (shop,), shopping([shop.root], scene.token) as load:
        try:
            read_only(cluster, "on")
            before = load.refused()
            while load.refused() < before + 8:
                time.sleep(0.05)
            assert requests.get(f"{shop.root}/products", timeout=5).status_code == 200
        finally:
            read_only(cluster, "off")
        assert load.goes_on(RECOVERY)
    assert load.flaws(scene) == []


def read_only(cluster, value):
    engine = create_engine(
        cluster.url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.execute(text(f"ALTER SYSTEM SET default_transaction_read_only = {value}"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


def test_when_all_connections_are_in_use_nobody_waits_long(scene):
    """A table that somebody holds: each request waits for it with a connection in its hand."""
    with (
        serving(scene.url, SHOP_THREADS="2") as (shop,),
        shopping([shop.root], scene.token, clients=4) as load,
    ):
        with scene.app.app_context(), scene.app.extensions["shop"].engine.begin() as connection:
            connection.execute(text("LOCK TABLE orders"))
            time.sleep(6)
            assert load.refused() > 0
        assert load.goes_on()
    assert load.flaws(scene) == []
