"""Orders over REST, from checkout to delivery."""

import pytest
from sqlalchemy import select

from shop.domain.order import ORDER_STATES
from shop.domain.product import Product
from tests.rest.test_caching import run_at_once

WORDS = {"pay": {"reference": "bank 0042"}, "ship": {"tracking": "JD0002"}}
MOVES_TO_STATE = {"placed": [], "paid": ["pay"], "shipped": ["pay", "ship"], "delivered": ["pay", "ship", "deliver"],
       "cancelled": ["cancel"], "refunded": ["pay", "refund"]}  # fmt: skip


def build_order(*pairs):
    return {"items": [{"product_id": id, "quantity": quantity} for id, quantity in pairs]}


def make_move(person, url, move):
    return person.post(f"{url}/{move}", WORDS.get(move, {}))


@pytest.fixture
def goods(product):
    """A desk at 249.00 (12 of them), a lamp at 89.50 (3), a blend that is sold out."""
    return (
        product("Walnut desk", "", 24900, 12),
        product("Brass lamp", "", 8950, 3),
        product("Blend", "", 2950, 0),
    )


@pytest.fixture
def place_order_in_state(customer, staff, goods):
    """Places an order of two desks and a lamp and makes the moves to a state."""

    def place(status="placed"):
        url = customer.post("/api/v1/orders", build_order((1, 2), (2, 1))).headers["Location"]
        for move in MOVES_TO_STATE[status]:
            make_move(staff, url, move)
        return url

    return place


def get_stocks(person):
    return [item["stock"] for item in person.get("/api/v1/products").json["_embedded"]["item"]]


class TestCheckout:
    def test_says_where_the_order_is(self, customer, goods):
        placed = customer.post("/api/v1/orders", build_order((1, 1)))
        assert (placed.status_code, placed.headers["Location"]) == (201, "http://localhost/api/v1/orders/1")

    def test_takes_every_line_from_the_stock(self, customer, goods):
        customer.post("/api/v1/orders", build_order((1, 2), (2, 3)))
        assert get_stocks(customer) == [10, 0, 0]

    def test_shows_what_was_bought(self, customer, goods):
        shown = customer.post("/api/v1/orders", build_order((2, 1), (1, 2))).json
        assert shown == {
            "id": 1, "status": "placed", "total": 587.5, "currency": "USD",
            "created_at": shown["created_at"], "updated_at": shown["updated_at"],
            "items": [
                {"product_id": 1, "name": "Walnut desk", "unit_price": 249.0, "quantity": 2, "total": 498.0,
                 "_links": {"product": {"href": "http://localhost/api/v1/products/1"}}},
                {"product_id": 2, "name": "Brass lamp", "unit_price": 89.5, "quantity": 1, "total": 89.5,
                 "_links": {"product": {"href": "http://localhost/api/v1/products/2"}}},
            ],
            "history": [{"move": "create", "by": customer.id, "at": shown["history"][0]["at"]}],
            "_etag": '"1-1"',
            "_links": {
                "self": {"href": "http://localhost/api/v1/orders/1"},
                "collection": {"href": "http://localhost/api/v1/orders"},
                "user": {"href": f"http://localhost/api/v1/users/{customer.id}"},
                "monitor": {"href": "http://localhost/api/v1/orders/1", "type": "text/event-stream"},
                "profile": {"href": "http://localhost/profile#order"},
                "cancel": {"href": "http://localhost/api/v1/orders/1/cancel", "title": "Cancel this order"},
            },
        }  # fmt: skip

    def test_answers_with_what_is_then_found(self, customer, goods):
        placed = customer.post("/api/v1/orders", build_order((1, 2)))
        assert customer.get(placed.headers["Location"]).json == placed.json

    def test_counts_a_product_that_is_there_twice_as_one_line(self, customer, goods):
        placed = customer.post("/api/v1/orders", build_order((2, 1), (1, 1), (2, 2))).json
        assert [(item["product_id"], item["quantity"]) for item in placed["items"]] == [(1, 1), (2, 3)]

    def test_names_every_short_line_with_what_is_left(self, customer, goods):
        refused = customer.post("/api/v1/orders", build_order((1, 2), (2, 4), (3, 1), (99, 1)))
        assert (refused.status_code, refused.json["lines"]) == (409, [
            {"product_id": 2, "quantity": 4, "left": 3, "_links": {"product": {"href": "http://localhost/api/v1/products/2"}}},
            {"product_id": 3, "quantity": 1, "left": 0, "_links": {"product": {"href": "http://localhost/api/v1/products/3"}}},
            {"product_id": 99, "quantity": 1, "left": 0},
        ])  # fmt: skip

    def test_takes_nothing_when_one_line_is_short(self, customer, goods):
        customer.post("/api/v1/orders", build_order((1, 2), (2, 4)))
        assert (get_stocks(customer), customer.get("/api/v1/orders").json["total"]) == ([12, 3, 0], 0)

    def test_sells_nothing_that_is_retired(self, customer, staff, goods):
        staff.delete("/api/v1/products/1")
        refused = customer.post("/api/v1/orders", build_order((1, 1)))
        assert (refused.status_code, "_links" in refused.json["lines"][0]) == (409, False)

    @pytest.mark.parametrize(
        "body",
        [{}, {"items": []}, {"items": None}, {"items": {}}, build_order((1, 0)), build_order((1, -1)), build_order((1, 10_001)), build_order((1, 2**31)),
         build_order((0, 1)), build_order((10**20, 1)), build_order((1, 1.5)), build_order((1, True)), build_order(("1", 1)), build_order(*[(1, 1)] * 101),
         {"items": [7]}, {"items": [{"product_id": 1}]}, {"items": [{"product_id": 1, "quantity": 1, "price": 1}]},
         {**build_order((1, 1)), "total": 1}, {**build_order((1, 1)), "status": "paid"}, {**build_order((1, 1)), "user_id": 1}],
    )  # fmt: skip
    def test_takes_lines_of_one_shape(self, customer, goods, body):
        assert customer.post("/api/v1/orders", body).status_code == 400

    def test_points_at_the_flaw_in_a_line(self, customer, goods):
        refused = customer.post("/api/v1/orders", build_order((1, 1), (2, 0))).json
        assert [flaw["pointer"] for flaw in refused["errors"]] == ["#/items/1/quantity"]

    def test_takes_a_hundred_lines(self, customer, product):
        ids = [product(f"Mug {number}") for number in range(100)]
        assert customer.post("/api/v1/orders", build_order(*[(id, 1) for id in ids])).status_code == 201

    def test_is_exact_to_the_last_cent_of_the_largest_order(self, customer, product):
        product("Yacht", "", 99_999_999_999, 10_000)
        assert customer.post("/api/v1/orders", build_order((1, 10_000))).json["total"] == 9_999_999_999_900.0

    def test_refuses_more_than_a_total_can_say(self, customer, product):
        [product(f"Yacht {n}", "", 99_999_999_999, 10_000) for n in range(2)]
        refused = customer.post("/api/v1/orders", build_order((1, 10_000), (2, 10_000)))
        assert (refused.status_code, get_stocks(customer)) == (409, [10_000, 10_000])

    def test_is_for_those_who_are_logged_in(self, anonymous, goods):
        assert anonymous.post("/api/v1/orders", build_order((1, 1))).status_code == 401

    def test_leaves_its_trace_in_the_feed_of_changes(self, customer, goods, session):
        from shop.domain.change import Change

        customer.post("/api/v1/orders", build_order((1, 2), (2, 3)))
        assert [(c.kind, c.product_id, c.stock) for c in session.query(Change).order_by(Change.seq)] == [
            ("stocked", 1, 10), ("stocked", 2, 0),
        ]  # fmt: skip

    def test_changes_the_tag_of_what_it_sold(self, customer, goods):
        customer.post("/api/v1/orders", build_order((1, 2)))
        assert customer.get("/api/v1/products/1").json["_etag"] == '"1-2"'


class TestBuying:
    def test_orders_one_product_from_itself(self, customer, goods):
        bought = customer.post("/api/v1/products/1/buy", {"quantity": 2})
        assert (bought.status_code, bought.headers["Location"], bought.json["total"]) == (
            201, "http://localhost/api/v1/orders/1", 498.0,
        )  # fmt: skip

    def test_is_offered_while_there_is_something_left(self, customer, goods):
        offers = ["buy" in customer.get(f"/api/v1/products/{id}").json["_links"] for id in (1, 3)]
        assert offers == [True, False]

    def test_of_more_than_there_is_says_what_is_left(self, customer, goods):
        refused = customer.post("/api/v1/products/2/buy", {"quantity": 4})
        assert (refused.status_code, refused.json["lines"][0]["left"]) == (409, 3)

    def test_of_what_is_sold_out_is_a_conflict(self, customer, goods):
        assert customer.post("/api/v1/products/3/buy", {"quantity": 1}).status_code == 409

    def test_at_a_price_that_changed_meanwhile_is_refused(self, customer, staff, goods):
        seen = customer.get("/api/v1/products/1").json["_etag"]
        staff.patch("/api/v1/products/1", {"price": 299})
        assert customer.post("/api/v1/products/1/buy", {"quantity": 1, "_etag": seen}).status_code == 412


class TestALife:
    def test_from_checkout_to_the_door_is_written_down(self, place_order_in_state, customer, staff):
        shown = customer.get(place_order_in_state("delivered")).json
        assert ([step["move"] for step in shown["history"]], shown["reference"], shown["tracking"]) == (
            ["create", "pay", "ship", "deliver"], "bank 0042", "JD0002",
        )  # fmt: skip

    def test_keeps_the_price_and_the_name_of_then(self, place_order_in_state, customer, staff):
        url = place_order_in_state()
        staff.patch("/api/v1/products/1", {"price": 1, "name": "Desk"})
        item = customer.get(url).json["items"][0]
        assert (item["name"], item["unit_price"]) == ("Walnut desk", 249.0)

    def test_leads_to_no_product_that_is_gone(self, place_order_in_state, customer, staff):
        url = place_order_in_state()
        staff.delete("/api/v1/products/1")
        assert ["product" in item["_links"] for item in customer.get(url).json["items"]] == [False, True]

    @pytest.mark.parametrize("status", ["cancelled", "refunded"])
    def test_that_ends_early_puts_the_stock_back(self, place_order_in_state, customer, status):
        place_order_in_state(status)
        assert get_stocks(customer) == [12, 3, 0]

    def test_puts_back_even_what_is_retired_by_then(self, place_order_in_state, staff, session):
        url = place_order_in_state()
        staff.delete("/api/v1/products/1")
        make_move(staff, url, "cancel")
        assert session.scalar(select(Product.stock).where(Product.id == 1)) == 12

    def test_of_one_who_left_stays_in_the_books(self, place_order_in_state, customer, staff):
        url = place_order_in_state()
        customer.delete(f"/api/v1/users/{customer.id}")
        shown = staff.get(url).json
        assert (shown["total"], "user" in shown["_links"]) == (587.5, False)

    @pytest.mark.parametrize("move", ["cancel", "refund"])
    def test_is_undone_once_when_twenty_ask_at_once(self, place_order_in_state, staff, move):
        url = place_order_in_state("paid" if move == "refund" else "placed")
        statuses = run_at_once(20, lambda _: make_move(staff, url, move).status_code)
        assert (sorted(statuses), get_stocks(staff)) == ([200] + [409] * 19, [12, 3, 0])

    def test_is_either_paid_or_cancelled_never_both(self, place_order_in_state, staff):
        url = place_order_in_state()
        statuses = run_at_once(10, lambda n: make_move(staff, url, ("pay", "cancel")[n % 2]).status_code)
        assert sorted(statuses) == [200] + [409] * 9

    def test_heeds_the_tag_of_a_move(self, place_order_in_state, staff):
        url = place_order_in_state()
        assert staff.post(f"{url}/pay", {"reference": "x", "_etag": '"1-9"'}).status_code == 412

    @pytest.mark.parametrize(
        "words", [{}, {"reference": ""}, {"reference": 7}, {"reference": "x" * 101}, {"ref": "x"}]
    )
    def test_wants_the_words_of_a_move(self, place_order_in_state, staff, words):
        assert staff.post(f"{place_order_in_state()}/pay", words).status_code == 400


class TestWhoSeesAnOrder:
    @pytest.mark.parametrize(("method", "move"), [("GET", ""), ("POST", "/cancel"), ("POST", "/pay")])
    def test_strangers_find_none(self, place_order_in_state, person, method, move):
        assert person("eve").call(method, place_order_in_state() + move).status_code == 404

    def test_what_is_anothers_answers_like_what_never_was(self, place_order_in_state, person):
        eve = person("eve")
        real, never = (eve.get(url).json["detail"] for url in (place_order_in_state(), "/api/v1/orders/99"))
        assert real == never

    @pytest.mark.parametrize("url", ["/api/v1/orders/1", "/api/v1/orders/99", "/api/v1/orders"])
    def test_the_anonymous_are_asked_to_log_in(self, place_order_in_state, anonymous, url):
        place_order_in_state()
        assert anonymous.get(url).status_code == 401

    def test_owners_may_not_record_their_own_payment(self, place_order_in_state, customer):
        assert make_move(customer, place_order_in_state(), "pay").status_code == 403


def get_ids(answer):
    return [item["id"] for item in answer.json["_embedded"]["item"]]


class TestLists:
    @pytest.fixture
    def three_orders(self, customer, staff, goods):
        """Three orders: 1 and 3 of the customer, and 2 of staff, which is paid."""
        for person in (customer, staff, customer):
            person.post("/api/v1/orders", build_order((1, 1)))
        make_move(staff, "/api/v1/orders/2", "pay")

    def test_show_ones_own_newest_first(self, three_orders, customer):
        assert get_ids(customer.get("/api/v1/orders")) == [3, 1]

    def test_show_staff_all(self, three_orders, staff):
        assert get_ids(staff.get("/api/v1/orders")) == [3, 2, 1]

    @pytest.mark.parametrize(
        ("query", "found"),
        [("status=paid", [2]), ("status=placed", [3, 1]), ("user_id=1", [3, 1]), ("user_id=9", [])],
    )
    def test_are_narrowed_by_staff(self, three_orders, staff, query, found):
        assert get_ids(staff.get(f"/api/v1/orders?{query}")) == found

    def test_of_others_are_not_for_customers(self, three_orders, customer, staff):
        assert customer.get(f"/api/v1/orders?user_id={staff.id}").status_code == 403

    @pytest.mark.parametrize("query", ["status=lost", "user_id=x", "user_id=0", "q=x"])
    def test_take_only_what_can_be_asked(self, three_orders, staff, query):
        assert staff.get(f"/api/v1/orders?{query}").status_code == 400

    def test_are_paged_by_links(self, three_orders, staff):
        first = staff.get("/api/v1/orders?per_page=2")
        assert get_ids(first) + get_ids(staff.get(first.json["_links"]["next"]["href"])) == [3, 2, 1]

    def test_offer_to_place_an_order(self, three_orders, customer):
        assert (
            customer.get("/api/v1/orders").json["_links"]["create"]["href"]
            == "http://localhost/api/v1/orders"
        )

    def test_are_a_part_of_each_user(self, three_orders, customer):
        assert get_ids(customer.get(f"/api/v1/users/{customer.id}/orders")) == [3, 1]

    def test_of_a_user_lead_on_inside_the_user(self, three_orders, customer):
        links = customer.get(f"/api/v1/users/{customer.id}/orders?per_page=1&status=placed").json["_links"]
        assert (
            get_ids(customer.get(links["next"]["href"])),
            "/users/1/orders?" in links["next"]["href"],
        ) == (
            [1],
            True,
        )

    def test_of_a_user_are_not_for_others(self, three_orders, person, customer):
        assert person("eve").get(f"/api/v1/users/{customer.id}/orders").status_code == 404

    def test_come_with_the_user_where_that_is_asked(self, three_orders, customer):
        url = f"/api/v1/users/{customer.id}"
        embedded = customer.get(f"{url}?embed=orders").json["_embedded"]["orders"]
        assert embedded == customer.get(f"{url}/orders").json

    @pytest.mark.parametrize("query", ["embed=secrets", "embed=", "fields=colour"])
    def test_come_with_the_user_by_one_word_only(self, three_orders, customer, query):
        assert customer.get(f"/api/v1/users/{customer.id}?{query}").status_code == 400

    def test_do_not_come_with_the_user_unasked(self, three_orders, customer):
        assert "_embedded" not in customer.get(f"/api/v1/users/{customer.id}").json


@pytest.mark.parametrize("move", ["pay", "ship", "deliver", "cancel", "refund"])
@pytest.mark.parametrize("status", ORDER_STATES)
@pytest.mark.parametrize("who", ["nobody", "stranger", "owner", "staff"])
def test_an_order_promises_what_it_keeps(
    place_order_in_state, anonymous, person, customer, staff, who, status, move
):
    caller = {"nobody": anonymous, "stranger": person("eve"), "owner": customer, "staff": staff}[who]
    url = place_order_in_state(status)
    shown = caller.get(url)
    promise = shown.status_code == 200 and move in shown.json["_links"]
    answer = make_move(caller, url, move).status_code
    refusals = {"nobody": {401}, "stranger": {404}, "owner": {403, 409}, "staff": {409}}[who]
    assert (promise, answer in refusals) == (answer == 200, not promise)
