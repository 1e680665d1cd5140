"""The forms of the explorer: every template is a form, and no failure loses what was typed."""

import pytest
import requests
from playwright.sync_api import expect

from tests.running import post_json


@pytest.fixture
def clerk(reader, add_product, log_in):
    """A reader who is logged in as staff, on the page of a new product."""
    return reader.use_login(log_in("grace")).open(add_product("Cork board", 34.5, 7))


@pytest.fixture
def change_product(clerk, log_in):
    """Changes the product of the clerk through another client."""

    def change_product(**words):
        headers = {"Authorization": f"Bearer {log_in('grace')['access_token']}"}
        assert requests.patch(clerk.page.url, json=words, headers=headers, timeout=10).ok

    return change_product


def test_a_field_knows_its_type_and_its_bounds(clerk):
    price = clerk.form("Change this product").get_by_label("Price")
    assert [price.get_attribute(name) for name in ("type", "min", "step")] == ["number", "0", "0.01"]


def test_a_form_is_filled_in_with_what_is(clerk):
    expect(clerk.form("Change this product").get_by_label("Name")).to_have_value("Cork board")


def test_a_success_says_what_changed(clerk):
    form = clerk.form("Change this product")
    form.get_by_label("Price").fill("29.90")
    form.get_by_role("button", name="Change this product").click()
    expect(clerk.news).to_contain_text("Price: $34.50 → $29.90")


def test_what_has_money_as_an_object_is_changed_as_well(reader, add_product, log_in):
    reader.use_login(log_in("grace")).open(add_product("Pin board", 12.5).replace("/v1/", "/v2/"))
    form = reader.form("Change this product")
    form.get_by_label("Price").fill("13.75")
    form.get_by_role("button", name="Change this product").click()
    expect(reader.news).to_contain_text("Price: $12.50 → $13.75")


def test_a_success_shows_what_is_now(clerk):
    form = clerk.form("Adjust the stock")
    form.get_by_label("Amount").fill("5")
    form.get_by_role("button").first.click()
    expect(clerk.value("Stock")).to_have_text("12")


def test_a_field_can_be_emptied(clerk, change_product):
    change_product(description="Twenty pins.")
    clerk.page.reload()
    form = clerk.wait_until_loaded().form("Change this product")
    form.get_by_label("Description").fill("")
    form.get_by_role("button", name="Change this product").click()
    expect(clerk.value("Description")).to_have_text("")


def test_what_is_made_is_shown_where_it_is(reader, log_in):
    reader.use_login(log_in("grace")).open("/api/v1/products")
    form = reader.page.get_by_role("form", name="Add a product")
    form.get_by_label("Name").fill("Clamp lamp")
    form.get_by_label("Price").fill("27.9")
    form.get_by_role("button", name="Add a product").click()
    expect(reader.heading).to_have_text("Clamp lamp")


def test_what_takes_something_away_is_asked_twice(clerk):
    clerk.button("Stop selling this product").click()
    expect(clerk.page.get_by_role("dialog")).to_be_visible()


def test_who_thinks_better_of_it_has_done_nothing(clerk):
    clerk.button("Stop selling this product").click()
    clerk.button("Leave it as it is").click()
    expect(clerk.page.reload() and clerk.heading).to_have_text("Cork board")


def test_what_is_gone_leads_to_the_list_it_was_in(clerk):
    clerk.button("Stop selling this product").click()
    clerk.page.get_by_role("dialog").get_by_role("button", name="Stop selling this product").click()
    expect(clerk.heading).to_have_text("Products")


def test_a_problem_stands_at_the_field_that_it_points_to(reader):
    reader.open("/")
    form = reader.form("Register")
    for label, word in {"Username": "ada", "Email": "new@shop.example", "Password": "correct horse"}.items():
        form.get_by_label(label).fill(word)
    form.get_by_role("button", name="Register").click()
    expect(form.get_by_label("Username")).to_have_attribute("aria-invalid", "true")


def test_a_problem_is_summed_up_on_top(reader):
    reader.open("/")
    form = reader.form("Log in")
    form.get_by_label("Username").fill("ada")
    form.get_by_label("Password").fill("not it")
    form.get_by_role("button", name="Log in").click()
    expect(form.get_by_role("alert")).to_contain_text("Log in first")


def test_what_there_is_not_enough_of_is_offered_in_less(reader, add_product, log_in):
    reader.use_login(log_in("ada")).open(add_product("Rare thing", stock=2))
    reader.form("Buy now").get_by_label("Quantity").fill("3")
    reader.button("Buy now").click()
    expect(reader.page.get_by_role("form", name="Buy what is left").get_by_label("Quantity")).to_have_value(
        "2"
    )


class TestAStaleEdit:
    @pytest.fixture
    def form(self, clerk, change_product):
        form = clerk.form("Change this product")
        form.get_by_label("Price").fill("31")
        form.get_by_label("Name").fill("Cork floor")
        change_product(price=33, name="Cork wall", stock=4)
        form.get_by_role("button", name="Change this product").click()
        return form

    def test_shows_both_values(self, form):
        expect(form).to_contain_text("Now: 33.0. Yours: 31.")

    def test_keeps_what_was_typed(self, form):
        expect(form.get_by_role("alert")).to_contain_text("changed meanwhile")
        expect(form.get_by_label("Price")).to_have_value("31")

    def test_follows_others_in_what_was_not_touched(self, form):
        expect(form.get_by_label("Stock")).to_have_value("4")

    def test_takes_the_new_value_where_that_is_wanted(self, form):
        form.locator("p.error", has_text="Cork wall").get_by_role("button", name="Take it").click()
        expect(form.get_by_label("Name")).to_have_value("Cork wall")

    def test_goes_on_with_the_new_version(self, clerk, form):
        form.locator("p.error", has_text="Cork wall").get_by_role("button", name="Take it").click()
        form.get_by_role("button", name="Change this product").click()
        expect(clerk.value("Price")).to_have_text("$31.00")


class TestALostNetwork:
    def test_is_said_and_loses_nothing(self, clerk):
        form = clerk.form("Change this product")
        form.get_by_label("Name").fill("Cork ceiling")
        clerk.page.context.set_offline(True)
        form.get_by_role("button", name="Change this product").click()
        expect(form.get_by_role("alert")).to_contain_text("cannot be reached")
        expect(form.get_by_label("Name")).to_have_value("Cork ceiling")

    def test_is_over_when_it_is_over(self, clerk):
        clerk.page.context.set_offline(True)
        clerk.link("Products").click()
        expect(clerk.news).to_contain_text("cannot be reached")
        clerk.page.context.set_offline(False)
        clerk.button("Try again").click()
        expect(clerk.heading).to_have_text("Products")


def test_every_order_can_be_driven_to_its_end_by_the_forms(reader, shop_process, add_product, log_in):
    place = add_product("Long story").removeprefix(shop_process.root)
    order = post_json(shop_process.root, f"{place}/buy", {"quantity": 1}, log_in("ada")["access_token"])
    reader.use_login(log_in("grace")).open(order.headers["Location"])
    reader.form("Mark as paid").get_by_label("Reference").fill("P-1")
    reader.button("Mark as paid").click()
    reader.form("Mark as shipped").get_by_label("Tracking").fill("T-1")
    reader.button("Mark as shipped").click()
    expect(reader.value("Status")).to_have_text("shipped")
