"""PostgreSQL is restarted, stopped, frozen, read-only, or all its connections are in use."""

import time

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.listening import Listener
from tests.load import RECOVERY_SECONDS, buying, wait_until
from tests.running import Process, serving

MAX_STOP_SECONDS = 10


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_costs_nobody_an_order(cluster, stocked_shop, mode):
    with serving(stocked_shop.url) as (shop,), buying([shop.root], stocked_shop.token) as buyers:
        cluster.run_pg_ctl("restart", "-m", mode)
        assert buyers.can_buy()
    assert buyers.find_flaws(stocked_shop) == []


def test_while_it_is_stopped_the_answer_is_come_again(cluster, stocked_shop):
    with serving(stocked_shop.url) as (shop,), buying([shop.root], stocked_shop.token) as buyers:
        with cluster.stop():
            time.sleep(20)
            assert requests.get(f"{shop.home}/health/live", timeout=1).status_code == 200
            assert requests.get(f"{shop.home}/health/ready", timeout=3).status_code == 503
        assert buyers.can_buy()
        assert requests.get(f"{shop.home}/health/ready", timeout=3).status_code == 200
    assert buyers.count_refused() > 0
    assert buyers.find_flaws(stocked_shop) == []


def test_while_it_hangs_nobody_hangs_with_it(cluster, stocked_shop):
    with serving(stocked_shop.url) as (shop,), buying([shop.root], stocked_shop.token) as buyers:
        with cluster.freeze():
            time.sleep(9)
            assert buyers.count_refused() > 0
        assert buyers.can_buy()
    assert buyers.find_flaws(stocked_shop) == []


def test_streams_of_events_go_on_after_it_was_frozen(cluster, stocked_shop):
    with serving(stocked_shop.url) as (shop,):
        listeners = [Listener(f"{shop.root}/changes") for _ in range(20)]
        with cluster.freeze():
            time.sleep(6)
        with buying([shop.root], stocked_shop.token) as buyers:
            assert buyers.can_buy()
        assert wait_until(lambda: all(each.events for each in listeners), RECOVERY_SECONDS)


def test_a_server_with_streams_stops_while_it_is_frozen(cluster, stocked_shop):
    process = Process(stocked_shop.url).start()
    listeners = [Listener(f"{process.root}/changes") for _ in range(20)]
    with cluster.freeze():
        time.sleep(2)
        began = time.monotonic()
        code = process.stop()
        assert (code, time.monotonic() - began < MAX_STOP_SECONDS) == (0, True)
    assert wait_until(lambda: all(each.has_ended for each in listeners))


def test_a_primary_that_may_only_be_read_takes_no_orders_and_is_read(cluster, stocked_shop):
    with serving(stocked_shop.url) as (shop,), buying([shop.root], stocked_shop.token) as buyers:
        try:
            set_read_only(cluster, "on")
            before = buyers.count_refused()
            while buyers.count_refused() < before + 8:
                time.sleep(0.05)
            assert requests.get(f"{shop.root}/products", timeout=5).status_code == 200
        finally:
            set_read_only(cluster, "off")
        assert buyers.can_buy(RECOVERY_SECONDS)
    assert buyers.find_flaws(stocked_shop) == []


def set_read_only(cluster, value):
    engine = create_engine(
        cluster.url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.execute(text(f"ALTER SYSTEM SET default_transaction_read_only = {value}"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


def test_when_all_connections_are_in_use_nobody_waits_long(stocked_shop):
    """Another session locks a table: each request waits for it while holding a connection."""
    with (
        serving(stocked_shop.url, SHOP_THREADS="2") as (shop,),
        buying([shop.root], stocked_shop.token, clients=4) as buyers,
    ):
        with stocked_shop.app.app_context(), stocked_shop.app.extensions["shop"].engine.begin() as connection:
            connection.execute(text("LOCK TABLE orders"))
            time.sleep(6)
            assert buyers.count_refused() > 0
        assert buyers.can_buy()
    assert buyers.find_flaws(stocked_shop) == []


END_CONNECTIONS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def test_connections_that_the_server_has_closed_are_replaced_unseen(stocked_shop):
    """They are not checked before each use, but the end of a connection is seen without a message."""
    engine = create_engine(stocked_shop.url.replace("postgresql://", "postgresql+psycopg://"))
    with serving(stocked_shop.url) as (shop,):
        for _ in range(5):
            statuses = [requests.get(f"{shop.root}/products/1", timeout=5).status_code for _ in range(3)]
            with engine.begin() as connection:
                connection.execute(END_CONNECTIONS)
            statuses.append(requests.get(f"{shop.root}/products/1", timeout=5).status_code)
            assert statuses == [200] * 4
    engine.dispose()
