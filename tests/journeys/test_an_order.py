"""The life of an order, for clients that know only one URL: which moves are offered at each step."""

import pytest

from shop.client import Client
from tests.conftest import PASSWORD
from tests.journeys.test_links_alone import find_item, get_rels, read_amount

MOVES = {"pay", "ship", "deliver", "cancel", "refund"}


@pytest.fixture
def eve(first_url):
    """A client that has just registered and logged in."""
    with Client(first_url) as client:
        client.home().submit("register", username="eve", email="eve@shop.example", password=PASSWORD)
        client.login("eve", PASSWORD)
        yield client


@pytest.fixture
def grace(first_url, staff):
    with Client(first_url) as client:
        client.login("grace", PASSWORD)
        yield client


def find_offered_moves(order):
    return get_rels(order) & MOVES


def buy_product(client, word):
    (found,) = client.home().follow("search", q=word, in_stock="true").items()
    return found.submit("buy", quantity=1)


def test_from_registration_to_delivery(eve, grace, product):
    product("Walnut desk"), product("Brass lamp", price=8900)
    own_order = buy_product(eve, "lamp")
    (staff_order,) = grace.home().follow("orders").items()
    offered = [find_offered_moves(own_order), find_offered_moves(staff_order)]
    staff_order = staff_order.submit("pay", reference="bank 0042")
    offered += [find_offered_moves(staff_order), find_offered_moves(own_order.follow("self"))]
    staff_order = staff_order.submit("ship", tracking="JD0002")
    own_order = own_order.follow("self")
    offered += [
        find_offered_moves(staff_order),
        find_offered_moves(own_order),
        find_offered_moves(own_order.submit("deliver")),
    ]
    assert offered == [
        {"cancel"},
        {"pay", "cancel"},
        {"ship", "refund"},
        set(),
        {"deliver"},
        {"deliver"},
        set(),
    ]


def test_a_change_of_mind(eve, product):
    product("Walnut desk", stock=1)
    order = buy_product(eve, "desk")
    cancelled = order.submit("cancel")
    stock = find_item(eve.home().follow("products"), "Walnut desk")["stock"]
    assert (find_offered_moves(order), cancelled["status"], find_offered_moves(cancelled), stock) == (
        {"cancel"},
        "cancelled",
        set(),
        1,
    )


def test_an_order_of_several_things(eve, product):
    desk, lamp = product("Walnut desk"), product("Brass lamp", price=8900)
    items = [{"product_id": desk, "quantity": 1}, {"product_id": lamp, "quantity": 2}]
    order = eve.home().follow("orders").do("POST", "create", {"items": items})
    assert (read_amount(order["total"]), order.follow("user").follow("orders")["total"]) == (427.0, 1)
