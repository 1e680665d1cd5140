"""The feed of changes over GraphQL: a connection that always has a cursor."""

import pytest
from sqlalchemy import update

from shop.domain.change import PURGED, Change

FEED = """query ($after: String, $first: Int! = 100) { changes(after: $after, first: $first) {
  nodes { seq kind productId price stock product { name } } edges { cursor }
  pageInfo { hasNextPage endCursor } } }"""


@pytest.fixture
def lamp(staff):
    made = staff.post("/api/v1/products", {"name": "Lamp", "price": 5, "stock": 3}).json["id"]
    staff.post(f"/api/v1/products/{made}/restock", {"amount": 2})
    return made


def test_says_what_happened_and_to_what(fetch_data, anonymous, lamp):
    last = fetch_data(anonymous, FEED, after="1")["changes"]["nodes"]
    assert last == [{"seq": "2", "kind": "stocked", "productId": f"Product:{lamp}", "price": 5, "stock": 5,
                     "product": {"name": "Lamp"}}]  # fmt: skip


def test_without_a_cursor_begins_now_and_says_where_that_is(fetch_data, anonymous, lamp):
    found = fetch_data(anonymous, FEED)["changes"]
    assert (found["nodes"], found["pageInfo"]["endCursor"]) == ([], "2")


def test_goes_on_after_a_page(fetch_data, anonymous, lamp):
    page = fetch_data(anonymous, FEED, after="0", first=1)["changes"]["pageInfo"]
    rest = fetch_data(anonymous, FEED, after=page["endCursor"])["changes"]
    assert (page["hasNextPage"], [each["cursor"] for each in rest["edges"]]) == (True, ["2"])


def test_knows_no_product_that_is_gone(fetch_data, anonymous, staff, lamp):
    staff.delete(f"/api/v1/products/{lamp}")
    assert {each["product"] for each in fetch_data(anonymous, FEED, after="0")["changes"]["nodes"]} == {None}


def test_costs_two_statements_however_long_it_is(fetch_data, anonymous, staff, lamp, statements):
    for _ in range(20):
        staff.post(f"/api/v1/products/{lamp}/restock", {"amount": 1})
    statements.clear()
    fetch_data(anonymous, FEED, after="0")
    assert len(statements) == 2


@pytest.mark.parametrize("after", ["x", "-1", "", "99", "9" * 30])
def test_refuses_a_cursor_that_nobody_gave_out(fetch_codes, anonymous, lamp, after):
    assert fetch_codes(anonymous, FEED, after=after) == ["BAD_USER_INPUT"]


def test_says_when_a_cursor_is_too_old(app, fetch_codes, anonymous, lamp):
    with app.app_context():
        session = app.extensions["sqlalchemy"].session()
        session.execute(update(Change).where(Change.seq == 1).values(kind=PURGED))
        session.commit()
    assert fetch_codes(anonymous, FEED, after="0") == ["CURSOR_EXPIRED"]
