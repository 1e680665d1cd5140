"""Logging in and out with the forms; offers that change at once; tokens that are renewed."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import open_reader
from tests.conftest import PASSWORD
from tests.running import serving


def test_the_name_and_the_role_are_shown(reader):
    reader.open("/").login("grace")
    expect(reader.page.locator("#account")).to_contain_text("grace (staff)")


def test_offers_change_at_once(reader):
    reader.open("/api/v1/products/1").login("grace")
    expect(reader.button("Stop selling this product")).to_be_visible()


def test_logging_out_takes_the_offers_away(reader):
    reader.open("/api/v1/products/1").login("grace")
    reader.button("Log out").click()
    expect(reader.button("Log in").first).to_be_visible()
    expect(reader.button("Stop selling this product")).to_have_count(0)


def test_logging_out_ends_the_login_on_the_server(reader):
    reader.open("/").login("ada")
    session = reader.page.evaluate("JSON.parse(sessionStorage.session)")
    reader.page.locator("#account").get_by_role("button", name="Log out").click()
    expect(reader.button("Log in").first).to_be_visible()
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    assert reader.page.request.get(f"{reader.shop}/api/v1/orders", headers=headers).status == 401


def test_a_page_that_needs_a_login_asks_for_it_and_then_shows_itself(reader):
    form = reader.open("/api/v1/orders").page.get_by_role("form", name="Log in")
    form.get_by_label("Username").fill("ada")
    form.get_by_label("Password").fill(PASSWORD)
    form.get_by_role("button", name="Log in").click()
    expect(reader.heading).to_have_text("Orders")


def test_a_wrong_password_is_said_in_the_dialog(reader):
    reader.open("/").button("Log in").first.click()
    reader.enter_login("ada", "not it")
    expect(reader.page.get_by_role("dialog").get_by_role("alert")).to_contain_text(
        "Wrong username or password"
    )


def test_a_login_that_ended_is_asked_for_again_and_then_what_was_asked_is_done(reader, add_product):
    reader.open(add_product("Patience")).login()
    quantity = reader.form("Buy now").get_by_label("Quantity")
    quantity.fill("2")
    reader.page.evaluate("""async () => {
        const { access_token, _templates } = JSON.parse(sessionStorage.session);
        await fetch(_templates.logout.target, { method: "DELETE", headers: { Authorization: `Bearer ${access_token}` } });
    }""")
    reader.button("Buy now").click()
    reader.enter_login("ada")
    expect(reader.heading).to_have_text(re.compile(r"Order \d+"))


def test_the_token_is_kept_for_this_tab_only(reader):
    reader.open("/").login("ada")
    storage = reader.page.evaluate("JSON.stringify(localStorage) + document.cookie")
    assert "access_token" not in storage


def test_a_tab_that_is_opened_from_here_is_logged_in_too(reader):
    reader.open("/").login("ada")
    second = reader.page.context.new_page()
    second.goto(f"{reader.shop}/api/v1/orders")
    expect(second.locator("#account")).to_contain_text("ada (customer)")


def test_a_token_that_is_about_to_end_is_renewed_in_silence(browser_database, browser):
    with serving(browser_database, SHOP_ACCESS_TOKEN_SECONDS="60") as (process,):
        for reader in open_reader(browser, process.root.removesuffix("/api/v1")):
            reader.open("/").login("ada")
            first = reader.page.evaluate("sessionStorage.session")
            reader.page.clock.install()
            reader.page.clock.fast_forward(50_000)
            reader.link("Orders").click()
            expect(reader.heading).to_have_text("Orders")
            assert reader.page.evaluate("sessionStorage.session") != first


def test_a_message_from_another_tab_logs_nobody_in_who_did_not_ask(reader):
    reader.open("/api/v1/products")
    second = reader.page.context.new_page()
    second.goto(f"{reader.shop}/")
    second.evaluate(
        "new BroadcastChannel('explorer').postMessage({session: {access_token: 'x'}, spent: null})"
    )
    reader.link("Brass lamp").click()
    expect(reader.page.locator("#account").get_by_role("button", name="Log in")).to_be_visible()


@pytest.fixture(scope="module")
def shop_with_quota(browser_database):
    with serving(browser_database, SHOP_RATE_LIMIT="6/minute") as (process,):
        yield process.root.removesuffix("/api/v1")


def test_a_quota_that_is_spent_is_counted_down(shop_with_quota, browser):
    for reader in open_reader(browser, shop_with_quota):
        for _ in range(8):
            reader.open("/api/v1/products/1")
        expect(reader.news).to_have_text(re.compile(r"Asking again in \d+ s\."))


def test_a_form_that_came_too_often_can_be_sent_again_when_it_may(browser_database, browser):
    with serving(browser_database, SHOP_LOGIN_RATE_LIMIT="1/minute") as (process,):
        for reader in open_reader(browser, process.root.removesuffix("/api/v1")):
            reader.open("/").button("Log in").first.click()
            dialog = reader.page.get_by_role("dialog")
            reader.enter_login("ada", "not it")
            expect(dialog).to_contain_text("Wrong username or password")
            reader.enter_login("ada", "not it")
            expect(dialog).to_contain_text(re.compile(r"You can send it again in \d+ s\."))
            expect(dialog.get_by_role("button", name="Log in")).to_be_disabled()
