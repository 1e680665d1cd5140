"""The explorer works like any page: history, tabs, keyboard, themes, widths, print, accessibility."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import find_violations, open_reader
from tests.node import with_packages

HERE = Path(__file__).parent
PAGES = {
    "the home": "/",
    "a collection": "/api/v1/products",
    "an empty one": "/api/v1/products?q=unheard",
    "an item": "/api/v1/products/1",
    "an account with its orders": "/api/v1/users/1?embed=orders",
    "a problem": "/api/v1/nothing",
}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SHIFTS = """new Promise((tell) => {
    let sum = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((each) => (sum += each.value))).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => tell(sum), 300);
})"""

each_page = pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)


@pytest.fixture
def staff_reader(reader, log_in):
    """A reader who is logged in as staff, because staff see the most."""
    return reader.use_login(log_in("grace"))


@each_page
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(staff_reader, axe, path, theme):
    staff_reader.page.emulate_media(color_scheme=theme)
    staff_reader.open(path)
    staff_reader.page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    staff_reader.button("Exchange").click()
    assert find_violations(staff_reader.page, axe) == []


def test_axe_finds_nothing_in_a_dialog(reader, axe):
    reader.open("/").button("Log in").first.click()
    assert find_violations(reader.page, axe) == []


def test_axe_finds_nothing_in_a_refused_form(reader, axe):
    reader.open("/").button("Log in").first.click()
    reader.enter_login("ada", "not it")
    expect(reader.page.get_by_role("dialog").get_by_role("alert")).to_contain_text(
        "Wrong username or password"
    )
    assert find_violations(reader.page, axe) == []


@each_page
@pytest.mark.parametrize("width", [360, 2560])
def test_nothing_sticks_out(staff_reader, path, width):
    staff_reader.page.set_viewport_size({"width": width, "height": 900})
    staff_reader.open(path)
    assert staff_reader.page.evaluate(OVERFLOW) == 0


@each_page
def test_nothing_jumps_while_it_loads(reader, path):
    assert reader.open(path).page.evaluate(SHIFTS) < 0.01


def test_back_and_forward_go_where_one_was(reader):
    reader.open("/api/v1/products").link("Brass lamp").click()
    expect(reader.heading).to_have_text("Brass lamp")
    reader.page.go_back()
    expect(reader.heading).to_have_text("Products")
    reader.page.go_forward()
    expect(reader.heading).to_have_text("Brass lamp")


def test_back_from_another_page_shows_the_page_and_not_its_json(reader):
    reader.open("/").link("Manual").click()
    reader.page.wait_for_url("**/docs")
    reader.page.go_back()
    expect(reader.heading).to_have_text("Shop")


def test_going_back_returns_to_where_one_had_scrolled(reader):
    reader.page.set_viewport_size({"width": 800, "height": 300})
    reader.open("/api/v1/products")
    reader.page.evaluate("scrollTo(0, 120)")
    reader.page.evaluate("document.querySelector('tbody a').click()")
    expect(reader.heading).to_have_text("Walnut desk")
    reader.page.go_back()
    expect(reader.heading).to_have_text("Products")
    assert reader.page.evaluate("scrollY") == 120


def test_a_link_opens_in_a_new_tab_where_that_is_wanted(reader):
    reader.open("/api/v1/products")
    with reader.page.context.expect_page() as opened:
        reader.link("Brass lamp").click(modifiers=["ControlOrMeta"])
    expect(opened.value.get_by_role("heading", level=1)).to_have_text("Brass lamp")


def test_the_theme_is_the_wish_of_the_system(reader):
    reader.page.emulate_media(color_scheme="dark")
    assert (
        reader.open("/").page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 25, 23)"
    )


def test_the_theme_is_chosen_by_hand_and_kept(reader):
    reader.open("/").button("Light or dark").click()
    reader.open("/api/v1/products")
    assert reader.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 25, 23)"


def test_a_keyboard_is_enough_to_find_and_open_a_product(reader):
    reader.open("/api/v1/products")
    reader.page.keyboard.press("Tab")
    expect(reader.link("To the content")).to_be_focused()
    reader.page.keyboard.press("Enter")
    for _ in range(30):
        reader.page.keyboard.press("Tab")
        if reader.page.evaluate("document.activeElement.textContent") == "Brass lamp":
            break
    reader.page.keyboard.press("Enter")
    expect(reader.heading).to_have_text("Brass lamp")


def test_focus_follows_to_the_new_page(reader):
    reader.open("/api/v1/products").link("Brass lamp").click()
    expect(reader.heading).to_have_text("Brass lamp")
    expect(reader.heading).to_be_focused()


def test_motion_is_reduced_where_that_is_wished(reader):
    reader.page.emulate_media(reduced_motion="reduce")
    moves = (
        "[...document.querySelectorAll('*')].some((each) => getComputedStyle(each).animationName !== 'none')"
    )
    assert not reader.open("/").page.evaluate(moves)


def test_print_leaves_out_what_paper_cannot_do(staff_reader):
    staff_reader.open("/api/v1/products/1")
    staff_reader.page.emulate_media(media="print")
    expect(staff_reader.page.get_by_text("What you can do")).to_be_hidden()


def test_a_page_asks_the_api_once(reader):
    reader.open("/api/v1/products")
    sent = []
    reader.page.on(
        "request", lambda each: each.resource_type == "fetch" and sent.append((each.method, each.url))
    )
    reader.link("Brass lamp").click()
    expect(reader.heading).to_have_text("Brass lamp")
    assert sent == [("GET", f"{reader.shop}/api/v1/products/2")]


def test_the_first_paint_takes_less_than_a_tenth_of_a_second(reader):
    paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    times = []
    for _ in range(5):
        page = reader.open("/api/v1/products").page
        times.append(page.wait_for_function(paint).json_value())  # a busy browser paints late
    assert min(times) < 100


def test_no_page_runs_what_it_does_not_bring(reader):
    reader.open("/")
    reader.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }))"
    )
    assert reader.page.evaluate("window.ran") is None
    reader.complaints.clear()


def test_the_types_are_right():
    with_packages(HERE)
    ran = subprocess.run([HERE / "node_modules/.bin/tsc", "-p", HERE], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "")


def test_without_a_script_the_page_says_how_to_ask(browser, shop_process):
    for reader in open_reader(browser, shop_process.root.removesuffix("/api/v1"), java_script_enabled=False):
        reader.page.goto(reader.shop)
        expect(reader.page.locator("noscript code")).to_be_visible()
