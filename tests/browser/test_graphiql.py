"""GraphiQL, in a browser that reaches nothing but the shop."""

import pytest
from playwright.sync_api import expect

from tests.conftest import PASSWORD


@pytest.fixture
def graphiql(reader):
    """The page once it is drawn; where it would look for anything elsewhere is noted."""
    reader.elsewhere = []
    reader.page.on("request", lambda each: reader.elsewhere.append(each.url))

    def draw():
        reader.page.goto(f"{reader.shop}/graphql")
        expect(
            reader.page.locator(".graphiql-query-editor .cm-def, .graphiql-query-editor .cm-property").first
        ).to_be_visible()
        return reader

    return draw


def ran(reader, query=None):
    """The answer, after a press of the button."""
    if query:
        editor = reader.page.locator(".graphiql-query-editor .CodeMirror")
        editor.evaluate("(node, text) => node.CodeMirror.setValue(text)", query)
    reader.page.locator(".graphiql-execute-button").click()
    return reader.page.locator(".result-window")


def test_runs_a_query_and_asks_nobody_else(graphiql):
    reader = graphiql()
    expect(ran(reader)).to_contain_text("Walnut desk")
    assert {url.startswith((reader.shop, "data:", "blob:")) for url in reader.elsewhere} == {True}


def test_knows_who_is_logged_in_already(graphiql, reader, logins):
    reader.known(logins("grace"))
    expect(ran(graphiql(), "{ me { username } }")).to_contain_text("grace")


def test_knows_who_logs_in_here(graphiql):
    reader = graphiql()
    login = f'mutation {{ login(username: "ada", password: "{PASSWORD}") {{ accessToken }} }}'
    expect(ran(reader, login)).to_contain_text("accessToken")
    expect(ran(reader, "{ me { username } }")).to_contain_text('"ada"')


def test_is_found_from_the_home(reader):
    reader.open("/")
    assert reader.page.locator("a[rel~=graphql]").get_attribute("href") == f"{reader.shop}/graphql"
