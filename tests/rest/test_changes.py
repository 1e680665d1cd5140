"""The feed of changes over REST: cursors, pages and long polling."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update

from shop.domain.change import Change
from shop.hypermedia.waiting_places import TURN, WaitingPlaces
from shop.model.entity import now
from shop.services import changes
from shop.storage.transactions import Context

CHANGES, PRODUCTS = "/api/v1/changes", "/api/v1/products"
LAMP = {"name": "Lamp", "price": 5, "stock": 3}


def get_items(answer):
    return answer.json["_embedded"]["item"]


def get_href(answer, rel):
    return answer.json["_links"][rel]["href"]


@pytest.fixture
def lamp(staff):
    return get_href(staff.post(PRODUCTS, LAMP), "self")


@pytest.fixture
def next_url(anonymous, lamp):
    """The URL of the changes after a lamp was added."""
    return get_href(anonymous.get(CHANGES), "next")


class TestAPage:
    def test_says_what_happened_and_how_it_was_then(self, anonymous, staff, lamp):
        staff.patch(lamp, {"price": 7.5})
        found = get_items(anonymous.get(f"{CHANGES}?after=1"))[0]
        assert (found["seq"], found["kind"], found["price"], found["stock"]) == (2, "changed", 7.5, 3)

    def test_leads_to_the_product(self, anonymous, lamp):
        assert get_items(anonymous.get(f"{CHANGES}?after=0"))[0]["_links"] == {"product": {"href": lamp}}

    def test_leads_to_no_product_that_is_gone(self, anonymous, staff, lamp):
        staff.delete(lamp)
        assert [each["_links"] for each in get_items(anonymous.get(f"{CHANGES}?after=0"))] == [{}, {}]

    def test_without_a_cursor_begins_now(self, anonymous, lamp):
        assert get_items(anonymous.get(CHANGES)) == []

    def test_leads_on_though_it_is_empty(self, anonymous, staff, next_url):
        assert get_items(anonymous.get(next_url)) == []
        staff.post(PRODUCTS, LAMP)
        assert [each["kind"] for each in get_items(anonymous.get(next_url))] == ["created"]

    def test_by_page_gives_each_change_once_and_in_order(self, anonymous, staff, lamp):
        for amount in range(1, 7):
            staff.post(f"{lamp}/restock", {"amount": amount})
        url, seen = f"{CHANGES}?after=0&limit=3", []
        while found := get_items(answer := anonymous.get(url)):
            seen += [each["seq"] for each in found]
            url = get_href(answer, "next")
        assert seen == [1, 2, 3, 4, 5, 6, 7]

    def test_that_is_the_same_is_not_sent_again(self, anonymous, next_url):
        tag = anonymous.get(next_url).headers["ETag"]
        assert anonymous.get(next_url, headers={"If-None-Match": tag}).status_code == 304

    def test_is_never_given_from_a_store(self, anonymous, next_url):
        assert anonymous.get(next_url).headers["Cache-Control"] == "private, no-cache"

    def test_beyond_what_was_ever_given_out_is_not_found(self, anonymous, lamp):
        assert anonymous.get(f"{CHANGES}?after=2").status_code == 404

    @pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "limit=501", "wait=26", "since=1"])
    def test_takes_only_what_it_says(self, anonymous, query):
        assert anonymous.get(f"{CHANGES}?{query}").status_code == 400

    def test_that_is_forgotten_is_gone_and_says_where_to_go_on(self, app, anonymous, staff, lamp):
        staff.post(f"{lamp}/restock", {"amount": 1})
        forget_changes(app)
        answer = anonymous.get(f"{CHANGES}?after=0")
        assert (answer.status_code, set(answer.json["_links"])) == (410, {"changes", "products"})

    def test_is_found_from_the_home(self, anonymous):
        assert (
            anonymous.get("/")
            .json["_links"]["changes"]["href"]
            .endswith("/changes{?after,limit,product_id,wait}")
        )


def forget_changes(app):
    with app.app_context():
        session = app.extensions["sqlalchemy"].session()
        session.execute(update(Change).values(at=now() - timedelta(days=40)))
        session.commit()
        changes.purge_changes(Context(session), 30)


def wait_from(shop, address, seconds):
    """Wait for changes; return the Retry-After of the answer, and how long it took."""
    began = time.monotonic()
    answer = shop.test_client().get(f"{CHANGES}?wait={seconds}", environ_base={"REMOTE_ADDR": address})
    return answer.headers.get("Retry-After"), time.monotonic() - began


class TestPlaces:
    """How `WaitingPlaces` gives its places to callers, by the order of their requests."""

    @pytest.fixture
    def places(self):
        return WaitingPlaces(4)

    def test_may_all_be_one_callers_while_no_other_asks(self, places):
        assert [bool(places.find("a")) for _ in range(5)] == [True, True, True, True, False]

    def test_are_shared_as_soon_as_another_asks(self, places):
        first = [places.find("a") for _ in range(4)]
        assert (bool(places.find("b")), [each.is_recalled for each in first]) == (
            True,
            [True, False, False, False],
        )

    def test_are_given_up_one_at_a_time(self, places):
        for caller in "aaaab":
            places.find(caller)
        assert places.find("c") is None

    def test_end_up_the_same_for_all(self, places):
        for caller in "aaaabbbcd":
            if places.find(caller) and (
                old := next((each for each in places.taken if each.is_recalled), None)
            ):
                places.taken.remove(old)
        assert sorted(each.caller for each in places.taken) == ["a", "b", "c", "d"]

    def test_are_kept_for_a_turn_by_callers_who_have_one_each(self, places):
        held = [places.find(caller) for caller in "abcd"]
        assert places.find("e") is None
        held[1].since -= TURN
        assert (bool(places.find("e")), held[1].is_recalled) == (True, True)

    def test_are_free_again_when_they_are_left(self, places):
        for _ in range(5):
            with places.take("a") as place:
                assert place
        assert places.taken == []


class TestAWait:
    @pytest.mark.parametrize("how", [{"query_string": {"wait": 20}}, {"headers": {"Prefer": "wait=20"}}])
    def test_ends_with_the_change(self, app, anonymous, staff, lamp, how):
        threading.Timer(0.2, lambda: staff.patch(lamp, {"price": 6})).start()
        began = time.monotonic()
        found = get_items(anonymous.get(CHANGES, **how))
        assert ([each["kind"] for each in found], time.monotonic() - began < 10) == (["changed"], True)

    def test_ends_with_its_time_and_leads_on_with_a_wait(self, anonymous, lamp):
        answer = anonymous.get(f"{CHANGES}?wait=1")
        assert (get_items(answer), "wait=1" in get_href(answer, "next")) == ([], True)

    def test_that_was_a_wish_says_that_it_was_heard(self, anonymous, lamp):
        answer = anonymous.get(CHANGES, headers={"Prefer": 'respond-async, wait="1"'})
        assert answer.headers["Preference-Applied"] == "wait=1"

    @pytest.mark.parametrize("wish", ["wait", "wait=", "wait=-1", "wait=1e9", "wait=" + "9" * 5000, "wait=٣"])
    def test_that_makes_no_sense_is_no_wish(self, anonymous, lamp, wish):
        assert anonymous.get(CHANGES, headers={"Prefer": wish.encode().decode("latin-1")}).status_code == 200

    def test_is_for_half_of_the_threads(self, variant, lamp):
        shop = variant(threads="5")
        with ThreadPoolExecutor(5) as pool:
            waits = [pool.submit(shop.test_client().get, f"{CHANGES}?wait=1") for _ in range(5)]
            retry_after = [each.result().headers.get("Retry-After") for each in waits]
        assert (retry_after.count(None), retry_after.count("1")) == (2, 3)

    def test_of_one_address_leaves_a_place_to_others(self, variant, lamp):
        shop = variant(threads="4")
        with ThreadPoolExecutor(3) as pool:
            waits = [pool.submit(wait_from, shop, "10.0.0.1", 4) for _ in range(2)]
            time.sleep(0.3)
            other = pool.submit(wait_from, shop, "10.0.0.2", 1).result()
            took = sorted(each.result()[1] for each in waits)
        assert (other[0], took[0] < 2.5, took[1] >= 4) == (None, True, True)

    def test_ends_when_the_server_is_about_to(self, variant, lamp):
        shop, began = variant(), time.monotonic()
        threading.Timer(0.1, shop.extensions["shop"].stopping.set).start()
        shop.test_client().get(f"{CHANGES}?wait=20")
        assert time.monotonic() - began < 10

    def test_holds_no_connection(self, app, variant, lamp):
        shop = variant(threads="2")
        with shop.app_context():
            pool = shop.extensions["shop"].engine.pool
        waiting = threading.Thread(target=lambda: shop.test_client().get(f"{CHANGES}?wait=1"))
        waiting.start()
        held = []
        while waiting.is_alive():
            held.append(pool.checkedout())
            time.sleep(0.02)
        assert held.count(0) > len(held) / 2
