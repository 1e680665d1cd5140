"""Unpaid orders and stored answers are bounded: they cannot hold stock or disk space for ever."""

import time
import timeit
from datetime import timedelta
from functools import partial

import pytest
import requests
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session

from shop.domain.order import Order
from shop.model.entity import now
from shop.services import housekeeping, orders
from shop.services.context import ShopContext
from shop.services.housekeeping import Housekeeper
from shop.storage import idempotency
from shop.storage.idempotency import Replay
from shop.storage.transactions import OPERATOR, Actor, Context
from tests.load import build_order, build_shop, wait_until
from tests.running import post_json, serving

BACKENDS = ["sqlite", "postgresql"]
MAX_HOURS = 24
MAX_CHECK_SECONDS = 0.001  # counting 50,000 orders takes at least twice as long


def place_order(customer, product_id=1, quantity=5, **headers):
    return customer.post("/api/v1/orders", build_order((product_id, quantity)), headers=headers)


def make_older(app, hours=MAX_HOURS):
    with app.app_context(), Session(app.extensions["shop"].engine) as session:
        begun = now() - timedelta(hours=hours, seconds=1)
        session.execute(update(Order).values(created_at=begun))
        session.commit()


def add_unpaid_orders(app, user_id: int, count: int) -> None:
    row = {"user_id": user_id, "status": "placed", "total": 1, "currency": "USD", "version": 1}
    with app.app_context(), app.extensions["shop"].engine.begin() as connection:
        connection.execute(insert(Order), [row] * count)


def cancel_unpaid(app) -> int:
    with app.app_context():
        return orders.cancel_unpaid(Context(app.extensions["sqlalchemy"].session(), OPERATOR), MAX_HOURS)


class TestAnOrderThatIsNotPaid:
    def test_is_cancelled_when_its_time_is_over_and_its_goods_are_for_sale_again(self, app, customer, desk):
        answer = place_order(customer)
        make_older(app)
        cancelled = cancel_unpaid(app)
        order = customer.get(answer.headers["Location"]).json
        assert (cancelled, order["status"], customer.get(desk).json["stock"]) == (1, "cancelled", 12)

    def test_says_in_its_history_that_the_shop_cancelled_it(self, app, customer, desk):
        answer = place_order(customer)
        make_older(app)
        cancel_unpaid(app)
        history = customer.get(answer.headers["Location"]).json["history"]
        assert [(step["move"], step["by"]) for step in history] == [("create", customer.id), ("cancel", 0)]

    def test_is_left_alone_until_then(self, app, customer, desk):
        answer = place_order(customer)
        make_older(app, MAX_HOURS - 1)
        assert (cancel_unpaid(app), customer.get(answer.headers["Location"]).json["status"]) == (0, "placed")

    def test_is_left_alone_once_it_is_paid(self, app, customer, staff, desk):
        answer = place_order(customer)
        staff.post(answer.headers["Location"] + "/pay", {"reference": "bank"})
        make_older(app)
        assert cancel_unpaid(app) == 0

    def test_does_not_hold_up_the_others_where_its_goods_have_no_room(self, app, customer, desk, product):
        places = [place_order(customer, id) for id in (1, product("Lamp"))]
        with app.app_context(), app.extensions["shop"].engine.begin() as connection:
            connection.execute(text("UPDATE products SET stock = 2147483647 WHERE id = 1"))
        make_older(app)
        statuses = (
            cancel_unpaid(app),
            *(customer.get(each.headers["Location"]).json["status"] for each in places),
        )
        assert statuses == (1, "placed", "cancelled")

    def test_is_one_of_many_that_are_cancelled_a_batch_at_a_time(self, app, customer, desk, monkeypatch):
        monkeypatch.setattr(orders, "CANCEL_BATCH", 2)
        for _ in range(5):
            place_order(customer, quantity=1)
        make_older(app)
        assert (cancel_unpaid(app), customer.get(desk).json["stock"]) == (5, 12)

    def test_is_cancelled_by_the_housekeeper_too(self, app, customer, desk):
        place_order(customer)
        make_older(app)
        with app.app_context():
            Housekeeper(app.extensions["shop"].engine, "USD", MAX_HOURS, 30).clean_up()
        assert customer.get(desk).json["stock"] == 12


def test_a_server_cancels_what_is_overdue_by_itself(tmp_path):
    stocked_shop = build_shop(f"sqlite:///{tmp_path / 'shop.db'}")
    with serving(stocked_shop.url) as (shop,):
        order = post_json(shop.root, "/orders", build_order((1, 5)), stocked_shop.token).json()["_links"][
            "self"
        ]["href"]
        make_older(stocked_shop.app)
        token = {"Authorization": f"Bearer {stocked_shop.token}"}
        assert wait_until(
            lambda: requests.get(order, headers=token, timeout=5).json()["status"] == "cancelled",
            housekeeping.FIRST_RUN_SECONDS + 10,
        )


class TestACustomer:
    @pytest.fixture
    def customer_with_limit(self, variant, person, desk):
        return person("hoarder", at=variant(max_unpaid_orders="2"))

    def test_has_so_many_unpaid_orders_at_most(self, customer_with_limit):
        assert [place_order(customer_with_limit, quantity=1).status_code for _ in range(3)] == [201, 201, 409]

    def test_is_told_what_to_do(self, customer_with_limit):
        refused = [place_order(customer_with_limit, quantity=1) for _ in range(3)][2]
        assert (
            refused.json["detail"] == "You have 2 unpaid orders. Pay or cancel one before you place another."
        )

    def test_cannot_get_around_it_by_buying(self, customer_with_limit, desk):
        answers = [customer_with_limit.post(f"{desk}/buy", {"quantity": 1}).status_code for _ in range(3)]
        assert answers == [201, 201, 409]

    def test_goes_on_after_one_is_paid_or_cancelled(self, customer_with_limit, staff):
        first, second = (place_order(customer_with_limit, quantity=1).headers["Location"] for _ in range(2))
        customer_with_limit.post(f"{first}/cancel")
        again = place_order(customer_with_limit, quantity=1).status_code
        staff.post(f"{second}/pay", {"reference": "bank"})
        assert (again, place_order(customer_with_limit, quantity=1).status_code) == (201, 201)

    def test_reaches_the_limit_with_orders_of_others_and_paid_ones_in_between(
        self, customer_with_limit, customer, staff
    ):
        statuses = []
        for _ in range(2):
            paid = place_order(customer_with_limit, quantity=1)
            staff.post(f"{paid.headers['Location']}/pay", {"reference": "bank"})
            place_order(customer, quantity=1)
            statuses.append(place_order(customer_with_limit, quantity=1).status_code)
        assert [*statuses, place_order(customer_with_limit, quantity=1).status_code] == [201, 201, 409]

    def test_with_thousands_of_unpaid_orders_below_the_limit_has_none_of_them_counted(self, app, customer):
        add_unpaid_orders(app, customer.id, 50_000)
        with app.app_context():
            ctx = ShopContext(
                app.extensions["sqlalchemy"].session(),
                Actor(customer.id, "customer"),
                max_unpaid_orders=60_000,
            )
            check = partial(orders.check_unpaid_limit, ctx, ctx.session.connection())
            seconds = min(timeit.repeat(check, number=1, repeat=20))
        assert seconds < MAX_CHECK_SECONDS

    def test_is_not_held_back_by_others(self, customer_with_limit, customer):
        for _ in range(3):
            place_order(customer_with_limit, quantity=1)
        assert place_order(customer, quantity=1).status_code == 201


class TestAnswersForRepeatedRequests:
    def read_stored_keys(self, app) -> list[str]:
        with app.app_context(), app.extensions["shop"].engine.connect() as connection:
            return [*connection.scalars(select(Replay.key).order_by(Replay.expires_at))]

    @pytest.fixture
    def sweep_always(self, monkeypatch):
        monkeypatch.setattr(idempotency, "PURGE_RATE", 2)

    def test_have_so_much_room_for_each_account(self, app, customer, person, desk, monkeypatch, sweep_always):
        place_order(person("bob"), quantity=1, **{"Idempotency-Key": "another"})
        monkeypatch.setattr(idempotency, "MAX_STORED_BYTES", 4000)
        for number in range(8):
            place_order(customer, quantity=1, **{"Idempotency-Key": f"k{number}"})
            time.sleep(0.002)
        keys = self.read_stored_keys(app)
        assert (keys[0], keys[-1], 2 <= len(keys) <= 5) == ("another", "k7", True)

    def test_take_no_more_than_the_room(self, app, customer, desk, monkeypatch, sweep_always):
        monkeypatch.setattr(idempotency, "MAX_STORED_BYTES", 6000)
        for number in range(9):
            place_order(customer, quantity=1, **{"Idempotency-Key": f"k{number}"})
        with app.app_context(), app.extensions["shop"].engine.connect() as connection:
            size = connection.scalar(
                select(func.sum(func.length(Replay.body) + idempotency.ROW_OVERHEAD_BYTES))
            )
        assert size < 6000 + 2500
