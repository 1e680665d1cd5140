"""Streams of events: what they say, to whom, and where they go on.

The test client holds no connection, so each answer has what is new and ends.
"""

import json
from datetime import timedelta

import pytest
from sqlalchemy import update

from shop.domain.change import Change
from shop.hypermedia.negotiation import EVENT_STREAM
from shop.model.entity import now
from shop.services import changes as feed
from shop.storage.transactions import Context
from tests.load import build_order

CHANGES, ORDERS, PRODUCTS = "/api/v1/changes", "/api/v1/orders", "/api/v1/products"


def read_blocks(answer) -> list[dict[str, str]]:
    """Return the fields of each block of a stream."""
    blocks = answer.get_data(as_text=True).split("\n\n")
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks if block]


def read_events(answer) -> list[tuple[str, str]]:
    return [(block["event"], block["id"]) for block in read_blocks(answer) if "event" in block]


def listen(client, path, last=None, **headers):
    last_id = {} if last is None else {"Last-Event-ID": str(last)}
    return client.get(path, headers={"Accept": EVENT_STREAM, **last_id, **headers})


class TestTheChangesAsAStream:
    def test_begin_with_the_cursor_of_now_and_when_to_come_again(self, anonymous, desk, staff):
        staff.post(f"{desk}/restock", {"amount": 1})
        assert read_blocks(listen(anonymous, CHANGES)) == [{"retry": "3000", "id": "1"}]

    def test_are_events_named_by_their_kind_and_numbered_by_their_cursor(self, anonymous, staff, desk):
        staff.post(f"{desk}/restock", {"amount": 1})
        staff.patch(desk, {"price": 7.5})
        assert read_events(listen(anonymous, CHANGES, last=0)) == [("stocked", "1"), ("changed", "2")]

    def test_go_on_after_the_last_event_of_the_client(self, anonymous, staff, desk):
        staff.post(f"{desk}/restock", {"amount": 1})
        staff.patch(desk, {"price": 7.5})
        assert read_events(listen(anonymous, f"{CHANGES}?after=0", last=1)) == [("changed", "2")]

    @pytest.mark.v1
    def test_hold_what_the_list_holds(self, anonymous, staff, desk):
        staff.post(f"{desk}/restock", {"amount": 1})
        listed = anonymous.get(f"{CHANGES}?after=0").json["_embedded"]["item"]
        streamed = [
            json.loads(block["data"]) for block in read_blocks(listen(anonymous, CHANGES, last=0))[1:]
        ]
        assert streamed == listed

    def test_may_be_those_of_one_product(self, anonymous, staff, desk, product):
        staff.post(f"{PRODUCTS}/{product('Lamp')}/restock", {"amount": 1})
        staff.post(f"{desk}/restock", {"amount": 1})
        id = desk.rpartition("/")[2]
        assert read_events(listen(anonymous, f"{CHANGES}?product_id={id}", last=0)) == [("stocked", "2")]

    @pytest.mark.v1
    def test_write_money_as_their_version_does(self, anonymous, staff, desk):
        staff.patch(desk, {"price": 7.5})
        block = read_blocks(listen(anonymous, "/api/v2/changes", last=0))[1]
        assert json.loads(block["data"])["price"] == {"amount": "7.50", "currency": "USD"}

    def test_are_never_stored_and_passed_on_at_once(self, anonymous):
        headers = listen(anonymous, CHANGES).headers
        assert (headers["Cache-Control"], headers["X-Accel-Buffering"], headers.get("ETag")) == (
            "no-store",
            "no",
            None,
        )

    @pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 19, "٣"])
    def test_refuse_a_number_that_no_event_has(self, anonymous, last):
        assert listen(anonymous, CHANGES, last=last.encode().decode("latin-1")).status_code == 400

    def test_refuse_a_cursor_that_does_not_exist_yet(self, anonymous):
        assert listen(anonymous, CHANGES, last=999).status_code == 404

    def test_say_when_their_beginning_was_deleted(self, app, anonymous, staff, desk):
        for _ in range(2):
            staff.post(f"{desk}/restock", {"amount": 1})
        with app.app_context():
            session = app.extensions["sqlalchemy"].session()
            session.execute(update(Change).values(at=now() - timedelta(days=40)))
            session.commit()
            feed.purge_changes(Context(session), 30)
        assert listen(anonymous, CHANGES, last=0).status_code == 410

    @pytest.mark.parametrize(
        ("accept", "media_type"),
        [
            ("*/*", "application/hal+json"),
            ("text/*", None),
            (f"{EVENT_STREAM};q=0.5, application/hal+json", "application/hal+json"),
            (f"{EVENT_STREAM}, application/hal+json;q=0.5", EVENT_STREAM),
        ],
    )
    def test_are_for_clients_that_prefer_them(self, anonymous, accept, media_type):
        answer = anonymous.get(CHANGES, headers={"Accept": accept})
        assert (answer.mimetype if answer.status_code == 200 else None) == media_type


class TestTheOrdersAsAStream:
    @pytest.fixture
    def order(self, customer, desk) -> str:
        return customer.post(ORDERS, build_order((1, 1))).headers["Location"]

    def test_are_events_named_by_the_status_after_each_step(self, customer, staff, order):
        staff.post(f"{order}/pay", {"reference": "bank"})
        assert read_events(listen(customer, ORDERS, last=0)) == [("placed", "1"), ("paid", "2")]

    def test_lead_to_the_order(self, customer, order):
        event = json.loads(read_blocks(listen(customer, ORDERS, last=0))[1]["data"])
        assert customer.get(event["_links"]["order"]["href"]).json["id"] == event["order_id"]

    def test_say_which_move_it_was_and_who_made_it(self, customer, order):
        event = json.loads(read_blocks(listen(customer, ORDERS, last=0))[1]["data"])
        assert (event["move"], event["by"]) == ("create", customer.id)

    def test_are_one_s_own(self, person, order):
        assert read_events(listen(person("eve"), ORDERS, last=0)) == []

    def test_are_all_for_staff(self, staff, order):
        assert read_events(listen(staff, ORDERS, last=0)) == [("placed", "1")]

    def test_may_be_those_of_one_status(self, customer, staff, order):
        staff.post(f"{order}/pay", {"reference": "bank"})
        assert read_events(listen(customer, f"{ORDERS}?status=paid", last=0)) == [("paid", "2")]

    def test_may_be_those_of_one_customer_for_staff(self, customer, staff, order):
        found = [read_events(listen(staff, f"{ORDERS}?user_id={id}", last=0)) for id in (customer.id, 999)]
        assert found == [[("placed", "1")], []]

    def test_of_somebody_else_are_refused(self, customer, order):
        assert listen(customer, f"{ORDERS}?user_id=999", last=0).status_code == 403

    def test_are_refused_to_strangers(self, anonymous):
        assert listen(anonymous, ORDERS).status_code == 401


class TestTheStepsOfOneOrderAsAStream:
    @pytest.fixture
    def orders(self, customer, desk) -> list[str]:
        return [customer.post(ORDERS, build_order((1, 1))).headers["Location"] for _ in range(2)]

    def test_are_its_own(self, customer, staff, orders):
        staff.post(f"{orders[1]}/pay", {"reference": "bank"})
        assert read_events(listen(customer, orders[1], last=0)) == [("placed", "2"), ("paid", "3")]

    def test_are_not_for_others(self, person, orders):
        assert listen(person("eve"), orders[0], last=0).status_code == 404


class TestMonitorLinks:
    """Each leads to a stream that says when the answer changes."""

    def find_monitor(self, who, url) -> str:
        link = who.get(url).json["_links"]["monitor"]
        assert link["type"] == EVENT_STREAM
        return link["href"]

    def count_events(self, who, href) -> int:
        return len(read_events(listen(who, href, last=0)))

    def test_of_a_product_and_of_the_catalogue(self, anonymous, staff, desk, product):
        staff.post(f"{PRODUCTS}/{product('Lamp')}/restock", {"amount": 1})
        staff.post(f"{desk}/restock", {"amount": 1})
        hrefs = [self.find_monitor(anonymous, url) for url in (desk, f"{PRODUCTS}?q=desk")]
        assert [self.count_events(anonymous, href) for href in hrefs] == [1, 2]

    def test_of_an_order_and_of_orders(self, customer, desk):
        places = [customer.post(ORDERS, build_order((1, 1))).headers["Location"] for _ in range(2)]
        lists = ORDERS, f"/api/v1/users/{customer.id}/orders"
        hrefs = [self.find_monitor(customer, url) for url in (places[0], *lists)]
        assert [self.count_events(customer, href) for href in hrefs] == [1, 2, 2]

    def test_are_not_where_there_is_no_stream(self, customer):
        assert "monitor" not in customer.get(f"/api/v1/users/{customer.id}").json["_links"]


def test_other_lists_have_no_stream(anonymous):
    assert listen(anonymous, PRODUCTS).status_code == 406
