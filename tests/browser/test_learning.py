"""The explorer explains each page: its request and response, the purpose of each header, and the curl command."""

import json
import subprocess

import pytest
from playwright.sync_api import expect


@pytest.fixture
def drawer(reader):
    reader.open("/api/v1/products/1").button("Exchange").click()
    return reader.page.get_by_role("complementary", name="The exchange")


def read_command(pre):
    expect(pre).to_contain_text("curl")
    return pre.text_content()


def run_command(command):
    silent = command.replace("curl", "curl -sS", 1)
    result = subprocess.run(["bash", "-c", silent], capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def test_the_request_is_shown(drawer):
    expect(drawer).to_contain_text("GET /api/v1/products/1")


def test_the_status_is_shown(drawer):
    expect(drawer).to_contain_text("Answer: 200 OK")


def test_each_header_is_explained_with_its_clause(drawer):
    names = drawer.locator("dl.headers dt").all_text_contents()
    assert drawer.get_by_role("link", name="The clause about").count() == len(names)


def test_every_href_of_the_body_can_be_followed(reader, drawer):
    drawer.locator("pre.body a", has_text='/api/v1/products"').click()
    expect(reader.heading).to_have_text("Products")


def test_the_curl_of_a_page_gives_the_same_answer(reader, drawer):
    drawer.locator("summary", has_text="The same by curl").click()
    command = read_command(drawer.locator("details.curl pre"))
    assert run_command(command) == json.loads(drawer.locator("pre.body").text_content())


def test_the_curl_of_a_page_that_needs_a_login_has_it(reader, log_in):
    reader.use_login(log_in("ada")).open("/api/v1/orders")
    expect(reader.heading).to_have_text("Orders")
    reader.button("Exchange").click()
    reader.page.locator("summary", has_text="The same by curl").click()
    assert "total" in run_command(read_command(reader.page.locator("aside details.curl pre")))


def test_the_curl_of_a_form_says_what_is_typed_and_works(reader, add_product, log_in):
    reader.use_login(log_in("ada")).open(add_product('It\'s a "thing"', stock=9))
    form = reader.form("Buy now")
    form.get_by_label("Quantity").fill("1")
    form.locator("summary", has_text="As curl").click()
    form.get_by_label("Quantity").fill("4")
    expect(form.locator("details.curl pre")).to_contain_text("Bearer")
    assert run_command(read_command(form.locator("details.curl pre")))["items"][0]["quantity"] == 4


def test_a_command_is_copied_with_one_click(reader, drawer):
    reader.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    drawer.locator("summary", has_text="The same by curl").click()
    drawer.get_by_role("button", name="Copy").click()
    expect(drawer.get_by_role("button", name="Copied")).to_be_visible()
    assert reader.page.evaluate("navigator.clipboard.readText()").startswith("curl 'http")


def test_the_drawer_stays_open_from_page_to_page(reader, drawer):
    reader.open("/api/v1/products")
    expect(drawer).to_contain_text("GET /api/v1/products")


def test_escape_closes_the_drawer(reader, drawer):
    reader.page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()


def test_a_problem_can_be_learnt_from_too(reader):
    reader.open("/api/v1/products/999").button("Exchange").click()
    expect(reader.page.locator("#exchange")).to_contain_text("Answer: 404 NOT FOUND")


def test_the_token_of_a_login_is_sent_to_this_shop_alone(reader, log_in):
    reader.use_login(log_in("ada")).open("/")
    expect(reader.button("Log out").first).to_be_visible()
    sent = reader.page.evaluate("""async () => {
        const { signed } = await import(document.querySelector('link[href$="http.js"]').href);
        return (await signed({ method: "GET", url: "https://elsewhere.example/", headers: {} })).headers;
    }""")
    assert sent == {}
