"""Drafts: orders of several products, driven by forms alone, and placed whole or not at all."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from shop.domain import draft as draft_module
from shop.services import drafts
from shop.storage.transactions import OPERATOR, Context
from tests.conftest import PASSWORD

FORMS = {"Accept": "application/prs.hal-forms+json"}


@pytest.fixture
def goods(product) -> list[int]:
    return [product("Walnut desk"), product("Brass lamp")]


def submit(person: Any, document: dict, name: str, **values: Any) -> Any:
    """Send a form of a document, with the values that it was filled in with and these."""
    form = document["_templates"][name]
    known = {each["name"]: each["value"] for each in form["properties"] if "value" in each}
    body = {"json" if form["contentType"] == "application/json" else "data": {**known, **values}}
    return person.call(form["method"], form["target"], headers=FORMS, **body)


@pytest.fixture
def draft(customer) -> dict:
    return submit(customer, customer.get("/", headers=FORMS).json, "draft").json


def look(person: Any, document: dict) -> Any:
    return person.get(document["_links"]["self"]["href"], headers=FORMS)


def add(person: Any, document: dict, product_id: int, quantity: int = 1) -> Any:
    return submit(person, look(person, document).json, "add", product_id=product_id, quantity=quantity)


@pytest.fixture
def full_draft(customer, draft, goods) -> dict:
    add(customer, draft, goods[0], 2)
    return add(customer, draft, goods[1], 3).json


def count_orders(person: Any) -> int:
    return person.get("/api/v1/orders").json["total"]


class TestByForms:
    def test_several_products_are_ordered(self, customer, full_draft):
        order = submit(customer, full_draft, "place")
        items = [(item["name"], item["quantity"]) for item in order.json["items"]]
        assert (order.status_code, items) == (201, [("Walnut desk", 2), ("Brass lamp", 3)])

    def test_products_are_chosen_from_the_catalogue(self, customer, draft, goods):
        options = draft["_templates"]["add"]["properties"][0]["options"]
        listed = customer.get(options["link"]["href"]).json["_embedded"]["item"]
        choices = {item[options["promptField"]]: item[options["valueField"]] for item in listed}
        assert add(customer, draft, choices["Brass lamp"]).json["items"][0]["name"] == "Brass lamp"

    def test_a_product_is_removed_by_one_of_the_options(self, customer, full_draft):
        options = full_draft["_templates"]["remove"]["properties"][0]["options"]["inline"]
        lamp = next(each["value"] for each in options if each["prompt"] == "Brass lamp")
        left = submit(customer, full_draft, "remove", product_id=lamp).json
        assert [item["name"] for item in left["items"]] == ["Walnut desk"]

    def test_an_empty_draft_offers_neither_to_remove_nor_to_place(self, draft):
        assert set(draft["_templates"]) == {"add", "delete"}

    def test_the_draft_is_gone_when_it_is_placed_or_discarded(self, customer, full_draft):
        other = submit(customer, customer.get("/", headers=FORMS).json, "draft").json
        submit(customer, full_draft, "place"), submit(customer, other, "delete")
        assert [look(customer, each).status_code for each in (full_draft, other)] == [404, 404]

    def test_placing_twice_gives_one_order(self, customer, full_draft):
        first, second = (submit(customer, full_draft, "place") for _ in range(2))
        assert (first.json["id"], second.headers["Idempotency-Replayed"]) == (second.json["id"], "true")
        assert count_orders(customer) == 1


class TestLines:
    def test_more_of_a_product_is_added_to_its_line(self, customer, full_draft, goods):
        assert add(customer, full_draft, goods[0], 5).json["items"][0]["quantity"] == 7

    def test_the_total_is_that_of_the_prices_of_now(self, customer, staff, full_draft, goods):
        price = customer.get(f"/api/v1/products/{goods[0]}").json["price"]
        staff.patch(f"/api/v1/products/{goods[0]}", {"price": 1})
        before, after = full_draft["total"], look(customer, full_draft).json["total"]
        assert before - after == pytest.approx(2 * (price - 1))

    def test_what_is_not_sold_cannot_be_added(self, customer, staff, draft, goods):
        staff.delete(f"/api/v1/products/{goods[0]}")
        for id in (goods[0], 999):
            refused = add(customer, draft, id)
            assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (409, "#/product_id")

    def test_what_is_not_there_cannot_be_removed(self, customer, full_draft):
        assert submit(customer, full_draft, "remove", product_id=999).status_code == 409

    @pytest.mark.parametrize("quantity", [0, -1, 10_001, "many", 1.5, None])
    def test_a_quantity_is_a_number_that_can_be_ordered(self, customer, draft, goods, quantity):
        assert add(customer, draft, goods[0], quantity).status_code == 400

    def test_a_line_has_a_bound(self, customer, draft, goods):
        answers = [add(customer, draft, goods[0], 6_000).status_code for _ in range(2)]
        assert answers == [200, 409]

    def test_a_stale_change_is_refused(self, customer, full_draft, goods):
        add(customer, full_draft, goods[0])
        assert submit(customer, full_draft, "remove", product_id=goods[1]).status_code == 412


class TestPlacing:
    def test_takes_the_stock_and_nothing_before(self, customer, staff, full_draft, goods):
        before = customer.get(f"/api/v1/products/{goods[0]}").json["stock"]
        submit(customer, full_draft, "place")
        assert (before, customer.get(f"/api/v1/products/{goods[0]}").json["stock"]) == (12, 10)

    def test_takes_nothing_if_a_product_is_short_and_keeps_the_draft(
        self, customer, staff, full_draft, goods
    ):
        staff.patch(f"/api/v1/products/{goods[1]}", {"stock": 2})
        refused = submit(customer, full_draft, "place")
        short = [(line["product_id"], line["left"]) for line in refused.json["lines"]]
        assert (refused.status_code, short) == (409, [(goods[1], 2)])
        assert customer.get(f"/api/v1/products/{goods[0]}").json["stock"] == 12
        assert (len(look(customer, full_draft).json["items"]), count_orders(customer)) == (2, 0)

    def test_at_another_price_than_was_seen_is_refused(self, customer, staff, full_draft, goods):
        staff.patch(f"/api/v1/products/{goods[0]}", {"price": 1})
        refused = submit(customer, full_draft, "place")
        assert (refused.status_code, "price has changed" in refused.json["detail"]) == (409, True)
        assert submit(customer, look(customer, full_draft).json, "place").status_code == 201

    @pytest.mark.parametrize("count", [6, 10])
    def test_at_a_total_far_above_the_highest_price(self, customer, draft, product, count):
        for n in range(count):
            full = add(customer, draft, product(f"Yacht {n}", "", 9_999_999_999, 10_000), 9_999)
        assert submit(customer, full.json, "place").status_code == 201

    def test_of_an_empty_draft_is_refused(self, customer, draft):
        assert customer.post(f"{draft['_links']['self']['href']}/place").status_code == 409

    def test_counts_as_an_unpaid_order(self, customer, variant, full_draft):
        client = variant(max_unpaid_orders="1").test_client()
        url = full_draft["_links"]["self"]["href"]
        lines = {"items": [{"product_id": 1, "quantity": 1}]}
        client.post("/api/v1/orders", json=lines, headers=customer.headers)
        assert client.post(f"{url}/place", json={}, headers=customer.headers).status_code == 409

    def test_at_once_by_many_gives_one_order(self, customer, app, full_draft, goods):
        url, start = full_draft["_links"]["self"]["href"] + "/place", threading.Barrier(6)

        def place(_: int) -> int:
            start.wait(5)
            return app.test_client().post(url, json={}, headers=customer.headers).status_code

        with ThreadPoolExecutor(6) as pool:
            statuses = sorted(pool.map(place, range(6)))
        assert (statuses, count_orders(customer)) == ([201, 404, 404, 404, 404, 404], 1)
        assert customer.get(f"/api/v1/products/{goods[0]}").json["stock"] == 10

    def test_of_drafts_that_want_the_same_sells_no_more_than_there_is(self, customer, staff, app, goods):
        staff.patch(f"/api/v1/products/{goods[0]}", {"stock": 10})
        home = customer.get("/", headers=FORMS).json
        urls = []
        for _ in range(5):
            made = submit(customer, home, "draft", _idempotency_key=f"draft-{len(urls)}").json
            urls.append(add(customer, made, goods[0], 3).json["_links"]["self"]["href"] + "/place")

        def place(url: str) -> int:
            return app.test_client().post(url, json={}, headers=customer.headers).status_code

        with ThreadPoolExecutor(5) as pool:
            statuses = sorted(pool.map(place, urls))
        assert (statuses, customer.get(f"/api/v1/products/{goods[0]}").json["stock"]) == (
            [201] * 3 + [409] * 2,
            1,
        )


class TestAtOnce:
    def test_all_that_is_added_is_there(self, customer, app, draft, goods):
        url = draft["_links"]["self"]["href"] + "/add"

        def add_one(_: int) -> int:
            body = {"product_id": goods[0], "quantity": 1}
            return app.test_client().post(url, json=body, headers=customer.headers).status_code

        with ThreadPoolExecutor(8) as pool:
            statuses = [*pool.map(add_one, range(16))]
        assert (statuses, look(customer, draft).json["items"][0]["quantity"]) == ([200] * 16, 16)


class TestOwners:
    def test_see_their_own_drafts_alone(self, customer, staff, person, full_draft):
        for other in (staff, person("bob")):
            assert look(other, full_draft).status_code == 404
            assert other.get("/api/v1/drafts").json["total"] == 0
            assert other.post(f"{full_draft['_links']['self']['href']}/place").status_code == 404

    def test_find_them_again_after_a_log_out(self, customer, anonymous, full_draft):
        customer.delete("/api/v1/tokens/current")
        credentials = {"username": customer.username, "password": PASSWORD}
        customer.tokens = anonymous.post("/api/v1/tokens", credentials).json
        listed = customer.get("/api/v1/drafts").json["_embedded"]["item"]
        assert [len(each["items"]) for each in listed] == [2]

    def test_have_at_most_ten(self, customer):
        statuses = [customer.post("/api/v1/drafts").status_code for _ in range(11)]
        assert statuses == [201] * 10 + [409]

    def test_have_at_most_ten_when_they_start_many_at_once(self, customer, app):
        def start(_: int) -> int:
            return app.test_client().post("/api/v1/drafts", json={}, headers=customer.headers).status_code

        with ThreadPoolExecutor(8) as pool:
            statuses = [*pool.map(start, range(16))]
        assert (statuses.count(201), customer.get("/api/v1/drafts").json["total"]) == (10, 10)

    def test_strangers_start_none(self, anonymous):
        assert anonymous.post("/api/v1/drafts").status_code == 401


class TestAbandoned:
    @pytest.fixture
    def abandoned(self, customer, session, full_draft) -> dict:
        past = draft_module.now() - timedelta(seconds=1)
        session.execute(
            text("UPDATE drafts SET expires_at = :past"),
            {"past": past.replace(tzinfo=None) if session.get_bind().dialect.name == "sqlite" else past},
        )
        session.commit()
        return full_draft

    def test_drafts_are_not_found(self, customer, abandoned):
        assert (look(customer, abandoned).status_code, customer.get("/api/v1/drafts").json["total"]) == (
            404,
            0,
        )

    def test_drafts_are_deleted_with_their_lines(self, app, abandoned):
        with app.app_context():
            session = app.extensions["sqlalchemy"].session()
            assert drafts.purge_drafts(Context(session, OPERATOR)) == 1
            assert session.scalar(text("SELECT count(*) FROM draft_lines")) == 0

    def test_drafts_live_on_with_each_change(self, customer, full_draft, goods):
        before = look(customer, full_draft).json["expires_at"]
        add(customer, full_draft, goods[0])
        assert look(customer, full_draft).json["expires_at"] >= before
