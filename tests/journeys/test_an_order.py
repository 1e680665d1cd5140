"""The life of an order, told by clients that know one URL: what is offered, and what is not, at each step."""

import pytest

from shop.client import Client
from tests.conftest import PASSWORD
from tests.journeys.test_links_alone import amount, called, rels

MOVES = {"pay", "ship", "deliver", "cancel", "refund"}


@pytest.fixture
def eve(first_url):
    """A newcomer who has just registered and logged in."""
    with Client(first_url) as client:
        client.home().submit("register", username="eve", email="eve@shop.example", password=PASSWORD)
        client.login("eve", PASSWORD)
        yield client


@pytest.fixture
def grace(first_url, staff):
    with Client(first_url) as client:
        client.login("grace", PASSWORD)
        yield client


def offers(order):
    return rels(order) & MOVES


def bought(client, word):
    (found,) = client.home().follow("search", q=word, in_stock="true").items()
    return found.submit("buy", quantity=1)


def test_from_registration_to_delivery(eve, grace, product):
    product("Walnut desk"), product("Brass lamp", price=8900)
    hers = bought(eve, "lamp")
    (theirs,) = grace.home().follow("orders").items()
    seen = [offers(hers), offers(theirs)]
    theirs = theirs.submit("pay", reference="bank 0042")
    seen += [offers(theirs), offers(hers.follow("self"))]
    theirs = theirs.submit("ship", tracking="JD0002")
    hers = hers.follow("self")
    seen += [offers(theirs), offers(hers), offers(hers.submit("deliver"))]
    assert seen == [{"cancel"}, {"pay", "cancel"}, {"ship", "refund"}, set(), {"deliver"}, {"deliver"}, set()]


def test_a_change_of_mind(eve, product):
    product("Walnut desk", stock=1)
    order = bought(eve, "desk")
    cancelled = order.submit("cancel")
    stock = called(eve.home().follow("products"), "Walnut desk")["stock"]
    assert (offers(order), cancelled["status"], offers(cancelled), stock) == (
        {"cancel"},
        "cancelled",
        set(),
        1,
    )


def test_an_order_of_several_things(eve, product):
    desk, lamp = product("Walnut desk"), product("Brass lamp", price=8900)
    items = [{"product_id": desk, "quantity": 1}, {"product_id": lamp, "quantity": 2}]
    order = eve.home().follow("orders").do("POST", "create", {"items": items})
    assert (amount(order["total"]), order.follow("user").follow("orders")["total"]) == (427.0, 1)
