"""The explorer follows what changes elsewhere, and disturbs nobody who reads or types."""

from collections.abc import Callable, Iterator

import pytest
import requests
from playwright.sync_api import expect

from tests.browser.conftest import Reader, find_violations, open_reader
from tests.conftest import PASSWORD
from tests.load import build_order, wait_until
from tests.running import Process, post_json

HIDE = "hidden => { Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden }); document.dispatchEvent(new Event('visibilitychange')); }"


@pytest.fixture
def token(log_in) -> str:
    return log_in("grace")["access_token"]


@pytest.fixture
def lamp(add_product, token) -> Iterator[str]:
    """The URL of a lamp, of which there are five."""
    url = add_product("Live lamp")
    yield url
    requests.delete(url, headers={"Authorization": f"Bearer {token}"}, timeout=10)


@pytest.fixture
def restock(token) -> Callable[..., None]:
    def restock(url: str, amount: int = 1) -> None:
        assert post_json(url, "/restock", {"amount": amount}, token).ok

    return restock


class Streams:
    """The streams of a page: those that it has opened, and how many are still open."""

    def __init__(self, reader: Reader) -> None:
        self.opened, self.ended = [], []
        for event, requests_ in [("request", self.opened), ("requestfailed", self.ended)]:
            reader.page.on(event, lambda each, found=requests_: self.note(each, found))
        reader.page.on("requestfinished", lambda each: self.note(each, self.ended))

    def note(self, request, found) -> None:
        if request.headers.get("accept") == "text/event-stream":
            found.append(request)

    def count_open(self) -> int:
        return len(self.opened) - len(self.ended)


@pytest.fixture
def streams(reader) -> Streams:
    return Streams(reader)


@pytest.fixture
def open_live(reader, streams) -> Callable[[str], Reader]:
    """Opens a page and waits until it listens."""

    def open_live(path: str) -> Reader:
        reader.open(path)
        expect(reader.page.locator("#live[data-open]")).to_be_visible()
        return reader

    return open_live


def spoken(reader):
    return reader.page.locator("#spoken")


def test_a_stock_that_changes_elsewhere_changes_here(open_live, lamp, restock):
    reader = open_live(lamp)
    restock(lamp, 2)
    expect(reader.value("Stock")).to_have_text("7")
    expect(spoken(reader)).to_have_text("Stock is now 7.")


def test_a_row_of_the_catalogue_changes(open_live, lamp, restock):
    reader = open_live("/api/v1/products?q=live")
    restock(lamp, 2)
    row = reader.page.get_by_role("row", name="Live lamp")
    expect(row).to_contain_text("7")
    expect(spoken(reader)).to_have_text("Live lamp: Stock is now 7.")


def test_a_new_product_appears_in_the_catalogue(open_live, lamp, add_product, token):
    reader = open_live("/api/v1/products?q=live")
    url = add_product("Live chair")
    expect(reader.link("Live chair")).to_be_visible()
    expect(spoken(reader)).to_have_text("New: Live chair.")
    requests.delete(url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
    expect(reader.link("Live chair")).to_have_count(0)


def test_several_changes_are_one_announcement(open_live, lamp, add_product, restock, token):
    others = [add_product(f"Live shelf {number}") for number in range(3)]
    reader = open_live("/api/v1/products?q=live")
    for url in [lamp, *others]:
        restock(url)
    expect(spoken(reader)).to_have_text("4 changes on this page.")
    for url in others:
        requests.delete(url, headers={"Authorization": f"Bearer {token}"}, timeout=10)


class TestOrders:
    @pytest.fixture
    def order(self, shop_process: Process, lamp, log_in) -> str:
        id = int(lamp.rpartition("/")[2])
        token = log_in("ada")["access_token"]
        return post_json(shop_process.root, "/orders", build_order((id, 1)), token).headers["Location"]

    def test_a_status_that_changes_elsewhere_changes_here(self, reader, open_live, order, log_in, token):
        reader.use_login(log_in("ada"))
        open_live(order)
        expect(reader.button("Cancel this order")).to_be_visible()
        assert post_json(order, "/pay", {"reference": "bank"}, token).ok
        expect(reader.value("Status")).to_have_text("paid")
        expect(reader.button("Cancel this order")).to_have_count(0)
        expect(spoken(reader)).to_contain_text("Status is now paid.")

    def test_a_list_of_orders_follows(self, reader, open_live, order, log_in, token):
        reader.use_login(log_in("ada"))
        open_live("/api/v1/orders")
        assert post_json(order, "/pay", {"reference": "bank"}, token).ok
        expect(reader.page.locator("tbody tr").first).to_contain_text("paid")


class TestTyping:
    def test_text_and_focus_stay(self, reader, open_live, lamp, restock, log_in):
        reader.use_login(log_in("grace"))
        open_live(lamp)
        field = reader.form("Change this product").get_by_label("Name")
        field.fill("Half a na")
        restock(lamp)
        expect(reader.value("Stock")).to_have_text("6")
        expect(field).to_have_value("Half a na")
        expect(field).to_be_focused()

    def test_an_open_form_stays_open_and_knows_the_state_of_now(
        self, reader, open_live, lamp, restock, log_in
    ):
        reader.use_login(log_in("grace"))
        open_live(lamp)
        form = reader.form("Change this product")
        restock(lamp)
        expect(reader.value("Stock")).to_have_text("6")
        expect(form.get_by_label("Stock")).to_have_value("6")

    def test_what_is_typed_can_be_sent_where_nothing_in_its_form_has_changed(
        self, reader, open_live, lamp, restock, log_in
    ):
        reader.use_login(log_in("grace"))
        open_live(lamp)
        form = reader.form("Adjust the stock")
        form.get_by_label("Amount").fill("10")
        restock(lamp)
        expect(reader.value("Stock")).to_have_text("6")
        form.get_by_role("button", name="Adjust the stock").click()
        expect(reader.value("Stock")).to_have_text("16")

    def test_what_is_typed_is_not_sent_over_what_has_changed(self, reader, open_live, lamp, restock, log_in):
        reader.use_login(log_in("grace"))
        open_live(lamp)
        form = reader.form("Change this product")
        form.get_by_label("Stock").fill("100")
        restock(lamp)
        expect(reader.value("Stock")).to_have_text("6")
        form.get_by_role("button", name="Change this product").click()
        expect(form.get_by_role("alert")).to_contain_text("It was changed meanwhile.")
        expect(form).to_contain_text("Now: 6. Yours: 100.")


class TestConnections:
    def test_a_hidden_tab_has_none(self, open_live, streams, lamp, restock):
        reader = open_live(lamp)
        assert streams.count_open() == 1
        reader.page.evaluate(HIDE, True)
        assert wait_until(lambda: reader.page.wait_for_timeout(20) or streams.count_open() == 0)
        sent = []
        reader.page.on("request", lambda each: sent.append(each.url))
        restock(lamp)
        reader.page.wait_for_timeout(1500)
        assert (sent, reader.value("Stock").inner_text()) == ([], "5")

    def test_a_tab_that_is_seen_again_catches_up_and_goes_on(self, open_live, streams, lamp, restock):
        reader = open_live(lamp)
        restock(lamp)
        expect(reader.value("Stock")).to_have_text("6")
        reader.page.evaluate(HIDE, True)
        restock(lamp)
        reader.page.evaluate(HIDE, False)
        expect(reader.value("Stock")).to_have_text("7")
        assert streams.opened[-1].headers["last-event-id"].isdigit()
        restock(lamp)
        expect(reader.value("Stock")).to_have_text("8")

    def test_a_page_that_nothing_monitors_has_none(self, open_live, streams, lamp):
        reader = open_live(lamp)
        reader.page.locator("#home").click()
        expect(reader.page.locator("#live")).to_be_hidden()
        assert wait_until(lambda: reader.page.wait_for_timeout(20) or streams.count_open() == 0)

    def test_a_quiet_page_is_asked_for_once_more_and_is_the_same(self, open_live, lamp):
        answers = []
        reader = open_live(lamp)
        reader.page.on("response", lambda each: answers.append((each.url, each.status)))
        reader.page.wait_for_timeout(2500)
        assert answers in ([(lamp, 304)], [])

    def test_many_changes_cost_one_request_a_second(self, open_live, lamp, restock):
        reader = open_live(lamp)
        reader.page.wait_for_timeout(1500)
        answers = []
        reader.page.on("response", lambda each: answers.append(each.status))
        for _ in range(20):
            restock(lamp)
        expect(reader.value("Stock")).to_have_text("25")
        assert len(answers) <= 3

    def test_it_can_be_paused_and_that_is_kept(self, open_live, streams, lamp, restock):
        reader = open_live(lamp)
        reader.button("Live").click()
        assert wait_until(lambda: reader.page.wait_for_timeout(20) or streams.count_open() == 0)
        reader.open(lamp)
        expect(reader.button("Live")).to_have_attribute("aria-pressed", "false")
        restock(lamp)
        reader.page.wait_for_timeout(1200)
        assert (streams.count_open(), reader.value("Stock").inner_text()) == (0, "5")
        reader.button("Live").click()
        expect(reader.value("Stock")).to_have_text("6")


def test_a_login_that_ends_ends_the_stream(reader, open_live, streams, shop_process, token):
    credentials = {"username": "ada", "password": PASSWORD}
    headers = {"Accept": "application/prs.hal-forms+json"}
    login = requests.post(f"{shop_process.root}/tokens", json=credentials, headers=headers, timeout=10).json()
    reader.use_login(login)
    open_live("/api/v1/orders")
    headers = {"Authorization": f"Bearer {login['access_token']}"}
    requests.delete(f"{shop_process.root}/tokens/current", headers=headers, timeout=10)
    made = post_json(shop_process.root, "/orders", build_order((3, 1)), token)
    assert made.status_code == 201
    assert wait_until(lambda: reader.page.wait_for_timeout(20) or streams.count_open() == 0)
    expect(reader.page.locator("#live")).not_to_have_attribute("data-open", "")


def test_a_page_goes_on_after_a_restart_of_the_server(browser, shop_process, lamp, restock):
    own = Process(shop_process.url).start()
    for reader in open_reader(browser, own.home):
        reader.open(lamp.replace(shop_process.home, own.home))
        expect(reader.page.locator("#live[data-open]")).to_be_visible()
        own.stop()
        restock(lamp)
        own.start()
        expect(reader.value("Stock")).to_have_text("6", timeout=15_000)
    own.stop()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_after_a_change(open_live, axe, lamp, restock, theme):
    reader = open_live(lamp)
    reader.page.emulate_media(color_scheme=theme)
    restock(lamp)
    expect(reader.page.locator("dd[data-changed]").first).to_be_visible()
    assert find_violations(reader.page, axe) == []


def test_a_reader_at_a_row_stays_there(open_live, lamp, restock, add_product, token):
    reader = open_live("/api/v1/products?q=live&sort=stock&order=desc")
    reader.link("Live lamp").focus()
    url = add_product("Live table", stock=50)
    expect(reader.link("Live table")).to_be_visible()
    expect(reader.link("Live lamp")).to_be_focused()
    requests.delete(url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
