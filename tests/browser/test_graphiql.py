"""GraphiQL in a browser, without requests to other hosts."""

import pytest
import requests
from playwright.sync_api import expect

from tests.conftest import PASSWORD
from tests.running import post_json


@pytest.fixture
def open_graphiql(reader):
    """Opens the page and waits until it is drawn; `reader.elsewhere` has the URLs of all its requests."""
    reader.elsewhere = []
    reader.page.on("request", lambda each: reader.elsewhere.append(each.url))

    def open_page():
        reader.page.goto(f"{reader.shop}/graphql")
        expect(
            reader.page.locator(".graphiql-query-editor .cm-def, .graphiql-query-editor .cm-property").first
        ).to_be_visible()
        return reader

    return open_page


def run_query(reader, query=None):
    """Press the button and return the result."""
    if query:
        editor = reader.page.locator(".graphiql-query-editor .CodeMirror")
        editor.evaluate("(node, text) => node.CodeMirror.setValue(text)", query)
    reader.page.locator(".graphiql-execute-button").click()
    return reader.page.locator(".result-window")


def test_runs_a_query_and_asks_nobody_else(open_graphiql):
    reader = open_graphiql()
    expect(run_query(reader)).to_contain_text("Walnut desk")
    assert {url.startswith((reader.shop, "data:", "blob:")) for url in reader.elsewhere} == {True}


def test_knows_who_is_logged_in_already(open_graphiql, reader, log_in):
    reader.use_login(log_in("grace"))
    expect(run_query(open_graphiql(), "{ me { username } }")).to_contain_text("grace")


def test_knows_who_logs_in_here(open_graphiql):
    reader = open_graphiql()
    login = f'mutation {{ login(username: "ada", password: "{PASSWORD}") {{ accessToken }} }}'
    expect(run_query(reader, login)).to_contain_text("accessToken")
    expect(run_query(reader, "{ me { username } }")).to_contain_text('"ada"')


def test_is_found_from_the_home(reader):
    reader.open("/")
    assert reader.page.locator("a[rel~=graphql]").get_attribute("href") == f"{reader.shop}/graphql"


def test_shows_the_events_of_a_subscription(open_graphiql, shop_process, log_in):
    reader = open_graphiql()
    result = run_query(reader, "subscription { orderSteps { seq status } }")
    expect(result).to_contain_text("UNAUTHENTICATED")
    with reader.page.expect_response(lambda answer: answer.url.endswith("/graphql")):
        run_query(reader, "subscription { changes { kind stock } }")
    token = log_in("grace")["access_token"]
    made = post_json(shop_process.root, "/products", {"name": "Lamp", "price": 1, "stock": 7}, token)
    expect(result).to_contain_text('"stock": 7')
    requests.delete(made.headers["Location"], headers={"Authorization": f"Bearer {token}"}, timeout=10)
