"""The rules of the business hold in every door: permissions, states, stock, uniqueness, idempotency."""

from typing import Any

import pytest

from tests.promises.door_clients import DOORS

LAMP = {"name": "Lamp", "price": 89.5, "stock": 3}
EVE = {"username": "eve", "email": "eve@shop.example", "password": "correct horse"}


@pytest.fixture(params=DOORS)
def door(request):
    if request.param == "grpc":
        DOORS["grpc"].grpc_client = request.getfixturevalue("grpc_client")
    return DOORS[request.param]


@pytest.fixture
def lamp(product):
    return product("Lamp", price=8950, stock=3)


@pytest.fixture
def order(door, customer, lamp):
    """The id of an order for two lamps, placed through this door."""
    return door.create(customer, "orders", build_order(lamp, 2))["id"]


@pytest.fixture
def people(anonymous, customer, staff, person):
    return {"stranger": anonymous, "owner": customer, "other": person("eva"), "staff": staff}


def build_order(id: int, quantity: int) -> dict[str, Any]:
    return {"items": [{"product_id": id, "quantity": quantity}]}


class TestWhoMay:
    @pytest.mark.parametrize(
        ("who", "code"), [("stranger", "unauthenticated"), ("owner", "forbidden"), ("staff", None)]
    )
    def test_add_a_product(self, door, people, who, code):
        made = door.create(people[who], "products", LAMP)
        assert (made if code else made["price"]) == (code or 89.5)

    @pytest.mark.parametrize(
        ("who", "code"),
        [("stranger", "unauthenticated"), ("owner", None), ("other", "not_found"), ("staff", None)],
    )
    def test_see_an_order(self, door, people, order, who, code):
        seen = door.get(people[who], "orders", order)
        assert (seen if code else seen["total"]) == (code or 179.0)

    @pytest.mark.parametrize(
        ("who", "code"),
        [("stranger", "unauthenticated"), ("owner", None), ("other", "not_found"), ("staff", None)],
    )
    def test_see_an_account(self, door, people, customer, who, code):
        seen = door.get(people[who], "users", customer.id)
        assert (seen if code else seen["username"]) == (code or "ada")

    @pytest.mark.parametrize(("who", "code"), [("stranger", "unauthenticated"), ("owner", "forbidden")])
    def test_not_see_all_accounts(self, door, people, who, code):
        assert door.list_all(people[who], "users") == code

    @pytest.mark.parametrize(("who", "count"), [("owner", 1), ("other", 0), ("staff", 1)])
    def test_see_which_orders(self, door, people, order, who, count):
        assert len(door.list_all(people[who], "orders")) == count

    @pytest.mark.parametrize("who", ["other", "owner"])
    def test_not_record_a_payment(self, door, people, order, who):
        refused = door.perform(people[who], "orders", order, "pay", {"reference": "x"})
        assert refused == {"other": "not_found", "owner": "forbidden"}[who]

    def test_not_lock_themselves_out(self, door, staff):
        assert door.perform(staff, "users", staff.id, "demote", {}) == "forbidden"


class TestWhen:
    def test_an_order_goes_from_state_to_state(self, door, staff, order):
        steps = {"pay": {"reference": "x"}, "ship": {"tracking": "y"}, "deliver": {}}
        states = [
            door.perform(staff, "orders", order, name, words)["status"] for name, words in steps.items()
        ]
        assert states == ["paid", "shipped", "delivered"]

    @pytest.mark.parametrize(
        ("name", "words"), [("ship", {"tracking": "y"}), ("deliver", {}), ("refund", {})]
    )
    def test_no_step_is_skipped(self, door, staff, order, name, words):
        assert door.perform(staff, "orders", order, name, words) == "conflict"

    def test_what_is_retired_is_gone(self, door, staff, lamp):
        door.perform(staff, "products", lamp, "delete", {})
        assert (door.get(staff, "products", lamp), door.perform(staff, "products", lamp, "restock", {"amount": 1})) == (
            "not_found", "not_found",
        )  # fmt: skip


class TestTheStock:
    def test_falls_by_what_is_ordered(self, door, order, customer, lamp):
        assert door.get(customer, "products", lamp)["stock"] == 1

    def test_is_never_oversold(self, door, customer, lamp):
        refused = door.create(customer, "orders", build_order(lamp, 4))
        assert (refused, door.get(customer, "products", lamp)["stock"]) == ("out_of_stock", 3)

    def test_comes_back_when_an_order_is_cancelled(self, door, customer, order, lamp):
        door.perform(customer, "orders", order, "cancel", {})
        assert door.get(customer, "products", lamp)["stock"] == 3

    def test_is_bought_from_the_product_itself(self, door, customer, lamp):
        assert door.perform(customer, "products", lamp, "buy", {"quantity": 3})["total"] == 268.5

    def test_of_nothing_is_not_for_sale(self, door, customer, product):
        assert door.perform(customer, "products", product(stock=0), "buy", {"quantity": 1}) == "conflict"

    def test_is_never_taken_below_zero(self, door, staff, lamp):
        assert door.perform(staff, "products", lamp, "restock", {"amount": -4}) == "conflict"


class TestUniqueness:
    def test_a_name_is_taken_once(self, door, anonymous, customer):
        assert door.create(anonymous, "users", {**EVE, "username": "ADA"}) == "conflict"

    def test_an_address_is_taken_once(self, door, anonymous, customer):
        assert door.create(anonymous, "users", {**EVE, "email": "Ada@Shop.example"}) == "conflict"

    def test_nobody_changes_into_another(self, door, customer, staff):
        assert door.perform(customer, "users", customer.id, "update", {"username": "grace"}) == "conflict"


class TestInput:
    @pytest.mark.parametrize(
        "words", [{"name": ""}, {"name": "a\nb"}, {"price": -1.0}, {"price": 0.001}, {"stock": -1}]
    )
    def test_of_the_wrong_shape_is_refused(self, door, staff, words):
        assert door.create(staff, "products", {**LAMP, **words}) == "invalid"

    def test_that_everybody_would_guess_is_no_password(self, door, anonymous):
        assert door.create(anonymous, "users", {**EVE, "password": "password"}) == "invalid"

    def test_of_no_lines_is_no_order(self, door, customer):
        assert door.create(customer, "orders", {"items": []}) == "invalid"


class TestPreconditions:
    def test_a_change_of_what_was_seen_is_made(self, door, staff, lamp):
        seen = door.get(staff, "products", lamp)["etag"]
        assert door.perform(staff, "products", lamp, "update", {"stock": 9}, etag=seen)["stock"] == 9

    @pytest.mark.parametrize(
        ("name", "words"), [("update", {"stock": 9}), ("restock", {"amount": 1}), ("delete", {})]
    )
    def test_a_change_of_what_has_changed_is_not(self, door, staff, lamp, name, words):
        seen = door.get(staff, "products", lamp)["etag"]
        door.perform(staff, "products", lamp, "restock", {"amount": 1})
        assert door.perform(staff, "products", lamp, name, words, etag=seen) == "stale"


class TestAKey:
    def test_makes_an_order_once(self, door, customer, lamp):
        first, second = (door.create(customer, "orders", build_order(lamp, 1), key="k") for _ in range(2))
        assert (first == second, len(door.list_all(customer, "orders"))) == (True, 1)

    def test_stocks_once(self, door, staff, lamp):
        first, second = (
            door.perform(staff, "products", lamp, "restock", {"amount": 1}, key="k") for _ in range(2)
        )
        assert (first, second["stock"]) == (second, 4)

    def test_is_not_for_another_request(self, door, customer, lamp):
        door.create(customer, "orders", build_order(lamp, 1), key="k")
        assert door.create(customer, "orders", build_order(lamp, 2), key="k") == "reused"

    def test_keeps_a_refusal_that_is_about_the_shop(self, door, customer, staff, product):
        empty = product(stock=0)
        door.create(customer, "orders", build_order(empty, 1), key="k")
        door.perform(staff, "products", empty, "restock", {"amount": 5})
        assert door.create(customer, "orders", build_order(empty, 1), key="k") == "out_of_stock"

    def test_is_not_used_up_by_a_refusal_that_had_no_effect(self, door, customer, lamp):
        refused = door.create(customer, "orders", {"items": []}, key="k")
        assert (refused, door.create(customer, "orders", build_order(lamp, 1), key="k")["status"]) == (
            "invalid",
            "placed",
        )

    def test_is_its_owners(self, door, customer, staff, lamp):
        mine, theirs = (
            door.create(who, "orders", build_order(lamp, 1), key="k") for who in (customer, staff)
        )
        assert mine["id"] != theirs["id"]

    @pytest.mark.parametrize("key", ["a b", "x" * 256, "ключ"])
    def test_is_one_plain_string(self, customer, lamp, key):
        assert DOORS["graphql"].create(customer, "orders", build_order(lamp, 1), key=key) == "invalid"
