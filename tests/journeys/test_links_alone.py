"""Journeys of clients that know only one URL and the link relations of the profile."""

import pytest

from shop.client import Client, Problem
from tests.conftest import PASSWORD


@pytest.fixture
def shop(first_url):
    with Client(first_url) as client:
        yield client


def read_amount(money):
    """Return an amount of either version as a float."""
    return float(money["amount"]) if isinstance(money, dict) else money


def find_item(resource, name):
    return next(each for each in resource.items() if each.data.get("name", each.data.get("username")) == name)


def get_rels(resource):
    return set(resource.links)


def test_a_stranger_finds_a_product_by_searching(shop, product):
    product("Walnut desk"), product("Brass lamp", price=8900)
    (found,) = shop.home().follow("search", q="lamp").items()
    assert read_amount(found.follow("self")["price"]) == 89.0


def test_a_stranger_pages_through_everything(shop, product):
    for number in range(5):
        product(f"Mug {number}")
    pages = shop.home().follow("search", per_page=2)
    assert [item["name"] for item in pages.items()] == [f"Mug {number}" for number in range(5)]


def test_a_stranger_searches_by_the_form(shop, product):
    product("Walnut desk"), product("Brass lamp")
    found = shop.home().submit("search", q="LAMP", in_stock="true", sort="price")
    assert [item["name"] for item in found.items()] == ["Brass lamp"]


def test_a_newcomer_registers_logs_in_and_logs_out(shop):
    shop.home().submit("register", username="eve", email="eve@shop.example", password=PASSWORD)
    inside = get_rels(shop.login("eve", PASSWORD))
    shop.logout()
    assert ({"me", "logout"} <= inside, "create" in inside, "me" in get_rels(shop.home())) == (
        True,
        False,
        False,
    )


def test_a_customer_changes_and_deletes_the_account(shop, customer):
    me = shop.login("ada", PASSWORD).follow("me").submit("update", email="countess@shop.example")
    assert (me["email"], me.submit("delete").status) == ("countess@shop.example", 204)


def test_staff_create_change_restock_and_retire_a_product(shop, staff):
    stool = shop.login("grace", PASSWORD).submit("create", name="Pine stool", price="39")
    stool = stool.submit("update", price="35.5").submit("restock", amount=6)
    state = read_amount(stool["price"]), stool["stock"]
    stool.submit("delete")
    assert (state, shop.home().follow("products")["total"]) == ((35.5, 6), 0)


def test_staff_disable_an_account_and_enable_it_again(shop, staff, customer):
    account = find_item(shop.login("grace", PASSWORD).follow("users"), "ada")
    disabled = account.submit("disable")
    enabled = disabled.submit("enable")
    assert [get_rels(each) & {"disable", "enable"} for each in (disabled, enabled)] == [
        {"enable"},
        {"disable"},
    ]


def test_a_refusal_leads_to_the_login(shop, customer):
    orders = shop.login("ada", PASSWORD).follow("orders").url
    shop.logout()
    with pytest.raises(Problem) as refused:
        shop.request_with_retries("GET", orders, {})
    assert "login" in refused.value.forms


def test_a_stale_edit_leads_to_what_is_there_now(shop, staff, desk):
    seen = find_item(shop.login("grace", PASSWORD).follow("products"), "Walnut desk")
    seen.submit("update", stock=1)
    with pytest.raises(Problem) as stale:
        seen.submit("update", stock=2)
    assert stale.value.follow("self").submit("update", stock=2)["stock"] == 2


def test_a_refused_form_is_corrected(shop, customer, product):
    product(stock=2)
    desk = find_item(shop.login("ada", PASSWORD).follow("products"), "Walnut desk")
    with pytest.raises(Problem) as short:
        desk.submit("buy", quantity=3)
    assert short.value.submit("buy")["items"][0]["quantity"] == 2


def test_a_session_outlives_its_access_token(shop, customer):
    home = shop.login("ada", PASSWORD)
    shop.refresh_at = 0
    assert home.follow("me")["username"] == "ada"
