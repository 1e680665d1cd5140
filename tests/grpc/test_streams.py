"""Streams: each change once and in order, from every process, also after a cut connection."""

import itertools
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import grpc
import pytest
from sqlalchemy import text

from shop.doors.grpc import shop_pb2 as pb
from shop.model.moves import STAFF
from shop.storage.transactions import Actor, Context
from tests.grpc_client import CallError, GrpcClient, build_money, read_error, serving_grpc
from tests.load import wait_until
from tests.test_feed import purge_up_to

COMMITS, WRITERS, TIMEOUT = 40, 3, 30
CREATED, CHANGED, STOCKED, RETIRED = range(1, 5)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


def read_messages(stream, count):
    """Read this many messages and cancel the stream."""
    found = list(itertools.islice(stream, count))
    stream.cancel()
    return found


def build_batch(*words):
    return iter([pb.BatchCreateProductsRequest(**each) for each in words])


def build_price_update(id, text, **words):
    return pb.LivePriceUpdatesRequest(product_id=id, price=build_money(text), **words)


class TestWatchingProducts:
    def test_tells_what_another_process_does_over_rest(self, grpc_client, staff, lamp):
        stream = grpc_client.follow("WatchProducts")
        begun = next(stream).cursor
        staff.post(f"/api/v1/products/{lamp}/restock", {"amount": 2})
        staff.patch(f"/api/v1/products/{lamp}", {"price": 80.0})
        staff.delete(f"/api/v1/products/{lamp}")
        changes = [(each.cursor, each.change.kind, each.change.stock) for each in read_messages(stream, 3)]
        assert changes == [(begun + 1, STOCKED, 7), (begun + 2, CHANGED, 7), (begun + 3, RETIRED, 7)]

    def test_goes_on_after_a_cursor(self, grpc_client, staff_token, lamp):
        first = grpc_client.call("RestockProduct", staff_token, id=lamp, amount=1)
        cursor = read_messages(grpc_client.follow("WatchProducts", cursor=0), 2)[-1].cursor
        grpc_client.call("RestockProduct", staff_token, id=lamp, amount=1)
        _, on = read_messages(grpc_client.follow("WatchProducts", cursor=cursor), 2)
        assert (on.cursor, on.change.stock) == (cursor + 1, first.product.stock + 1)

    def test_tells_only_of_the_products_that_were_named(self, grpc_client, staff_token, lamp, product):
        desk = product("Desk")
        stream = grpc_client.follow("WatchProducts", product_ids=[desk])
        next(stream)
        for id in (lamp, desk):
            grpc_client.call("RestockProduct", staff_token, id=id, amount=1)
        assert read_messages(stream, 1)[0].change.product_id == desk

    def test_says_when_a_cursor_has_expired(self, grpc_client, staff_token, lamp, session, staff):
        for _ in range(3):
            grpc_client.call("RestockProduct", staff_token, id=lamp, amount=1)
        purge_up_to(Context(session, Actor(staff.id, STAFF, "")), 2)
        assert read_error(grpc_client.follow("WatchProducts", cursor=1)).code == "OUT_OF_RANGE"

    @pytest.mark.parametrize("cursor", [-1, 10**6, 2**63 - 1, -(2**63)])
    def test_knows_no_cursor_that_was_not_given_out(self, grpc_client, cursor):
        refused = read_error(grpc_client.follow("WatchProducts", cursor=cursor))
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", ["cursor"])


class TestWatchingOrders:
    def test_tells_the_steps_of_ones_own(self, grpc_client, customer_token, staff_token, lamp, person):
        eva, stream = person("eva").tokens["access_token"], grpc_client.follow("WatchOrders", customer_token)
        next(stream)
        grpc_client.call("BuyProduct", eva, id=lamp, quantity=1)
        id = grpc_client.call("BuyProduct", customer_token, id=lamp, quantity=1).order.id
        grpc_client.call("PayOrder", staff_token, id=id, reference="x")
        changes = [(each.order_id, each.step.move, each.status) for each in read_messages(stream, 2)]
        assert changes == [(id, "create", pb.ORDER_STATUS_PLACED), (id, "pay", pb.ORDER_STATUS_PAID)]

    def test_tells_staff_all(self, grpc_client, customer_token, staff_token, lamp):
        grpc_client.call("BuyProduct", customer_token, id=lamp, quantity=1)
        assert (
            read_messages(grpc_client.follow("WatchOrders", staff_token, cursor=0), 2)[1].step.move
            == "create"
        )

    def test_is_for_those_who_are_logged_in(self, grpc_client):
        assert read_error(grpc_client.follow("WatchOrders")).code == "UNAUTHENTICATED"

    def test_ends_when_there_is_something_to_tell_to_who_has_logged_out(
        self, grpc_client, customer_token, staff_token, lamp
    ):
        stream = grpc_client.follow("WatchOrders", customer_token)
        next(stream)
        id = grpc_client.call("BuyProduct", customer_token, id=lamp, quantity=1).order.id
        cursor = next(stream).cursor
        grpc_client.call("Logout", customer_token)
        grpc_client.call("PayOrder", staff_token, id=id, reference="x")
        refused = read_error(stream)
        assert (refused.code, refused.trailers["shop-cursor"]) == ("UNAUTHENTICATED", str(cursor))


class TestABatch:
    LAMP, DESK = ({"name": name, "price": build_money("1.50"), "stock": 2} for name in ("Lamp", "Desk"))

    def test_adds_all_of_it(self, grpc_client, staff_token):
        made = grpc_client.send("BatchCreateProducts", build_batch(self.LAMP, self.DESK), staff_token)
        assert (made.created_count, grpc_client.call("ListProducts").total_size) == (2, 2)

    def test_adds_nothing_if_something_is_wrong_and_says_what(self, grpc_client, staff_token):
        made = grpc_client.send(
            "BatchCreateProducts",
            build_batch(self.LAMP, {"name": "", "price": build_money("-1")}),
            staff_token,
        )
        flaws = [(each.index, each.reason.startswith("name:")) for each in made.flaws]
        left = grpc_client.call("ListProducts").total_size
        assert (made.created_count, made.failed_count, flaws, left) == (0, 1, [(1, True)], 0)

    def test_under_a_request_id_is_done_once(self, grpc_client, staff_token):
        keyed = {**self.LAMP, "request_id": "once"}
        for _ in range(2):
            grpc_client.send("BatchCreateProducts", build_batch(keyed, self.DESK), staff_token)
        assert grpc_client.call("ListProducts").total_size == 2

    def test_of_nothing_does_nothing(self, grpc_client, staff_token):
        assert grpc_client.send("BatchCreateProducts", build_batch(), staff_token).created_count == 0

    def test_has_an_end(self, grpc_client, staff_token):
        with pytest.raises(CallError, match="INVALID_ARGUMENT: A batch has 1000 products at most"):
            grpc_client.send("BatchCreateProducts", build_batch(*[self.LAMP] * 1001), staff_token)

    def test_is_for_staff(self, grpc_client, customer_token):
        with pytest.raises(CallError, match="PERMISSION_DENIED"):
            grpc_client.send("BatchCreateProducts", build_batch(self.LAMP), customer_token)


class TestLivePrices:
    def test_are_applied_and_told_to_all_watchers(self, grpc_client, staff_token, lamp):
        watching = grpc_client.follow("WatchProducts")
        next(watching)
        sent = [
            each.change
            for each in grpc_client.follow(
                "LivePriceUpdates", staff_token, given=iter([build_price_update(lamp, "7.25")])
            )
        ]
        seen = read_messages(watching, 1)[0].change
        assert (seen.price, seen in sent) == (build_money("7.25"), True)

    def test_that_are_refused_end_nothing(self, grpc_client, staff_token, lamp):
        given = [
            build_price_update(lamp, "7"),
            build_price_update(99, "7"),
            build_price_update(lamp, "0.001"),
            build_price_update(lamp, "8", etag="1-99"),
            build_price_update(lamp, "9"),
        ]
        answers = [
            each.answer
            for each in grpc_client.follow("LivePriceUpdates", staff_token, given=iter(given))
            if each.HasField("answer")
        ]
        said = [(each.index, each.refusal.code, each.product.price.units) for each in answers]
        assert said == [(0, 0, 7), (1, 5, 0), (2, 3, 0), (3, 10, 0), (4, 0, 9)]

    def test_are_told_to_others_who_send_them(self, grpc_client, staff_token, lamp):
        go = threading.Event()
        others = grpc_client.follow(
            "LivePriceUpdates", staff_token, given=iter(lambda: go.wait(TIMEOUT) and None, None)
        )
        next(others)
        list(grpc_client.follow("LivePriceUpdates", staff_token, given=iter([build_price_update(lamp, "7")])))
        changes = next(others).change.price
        others.cancel(), go.set()
        assert changes == build_money("7")

    def test_are_for_staff(self, grpc_client, customer_token, lamp):
        assert (
            read_error(
                grpc_client.follow(
                    "LivePriceUpdates", customer_token, given=iter([build_price_update(lamp, "7")])
                )
            ).code
            == "PERMISSION_DENIED"
        )


def test_who_is_cut_off_again_and_again_loses_nothing(app, staff, staff_token, product):
    """Three writers in separate processes; a watcher whose server is killed and stopped."""
    goods, url = [product(stock=0) for _ in range(WRITERS)], app.extensions["shop"].settings.database_url
    command = [sys.executable, "-m", "tests.stock_writer", url, str(staff.id)]
    writers = [subprocess.Popen([*command, str(id), str(COMMITS)]) for id in goods]
    stocks, cursor, count = {id: [] for id in goods}, 0, 0
    with serving_grpc(url) as shop:
        cuts = {20: shop.kill, 60: shop.stop}
        while count < WRITERS * COMMITS:
            for each in read_until_cut(GrpcClient(shop.port).follow("WatchProducts", cursor=cursor)):
                stocks[each.change.product_id].append(each.change.stock)
                cursor, count = each.cursor, count + 1
                if cut := cuts.pop(count, None):
                    cut()
                if count == WRITERS * COMMITS:
                    break
            else:
                shop.start()
    assert [each.wait(TIMEOUT) for each in writers] == [0] * WRITERS
    assert (cuts, stocks) == ({}, {id: list(range(1, COMMITS + 1)) for id in goods})


def read_until_cut(stream):
    """Yield the changes of a stream until it is cut."""
    with suppress(grpc.RpcError):
        yield from (each for each in stream if each.HasField("change"))


def test_two_hundred_watchers_leave_calls_answering(grpc_client, customer_token, staff_token, lamp):
    streams = [
        grpc_client.follow("WatchProducts", token)
        for token in (customer_token, staff_token)
        for _ in range(100)
    ]
    for each in streams:
        next(each)
    began = time.monotonic()
    grpc_client.call("RestockProduct", staff_token, id=lamp, amount=1)
    called = time.monotonic() - began
    with ThreadPoolExecutor(8) as pool:
        changes = list(pool.map(lambda stream: read_messages(stream, 1)[0].change.stock, streams))
    assert (changes, called < 2) == ([6] * 200, True)


def test_a_deadline_ends_the_statement_that_waits(database_kind, app, grpc_client, staff_token, lamp):
    if database_kind == "sqlite":
        pytest.skip("SQLite waits for nobody but a writer, and that briefly")
    with app.app_context():
        engine = app.extensions["shop"].engine
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with engine.connect() as holder, engine.connect() as observer:
        holder.execute(text("SELECT * FROM products FOR UPDATE"))
        with pytest.raises(CallError, match="DEADLINE_EXCEEDED"):
            grpc_client.send(
                "RestockProduct", pb.RestockProductRequest(id=lamp, amount=1), staff_token, timeout=0.3
            )
        began = time.monotonic()
        wait_until(lambda: not observer.execute(waiting).scalar() or observer.rollback())
        assert time.monotonic() - began < 1
