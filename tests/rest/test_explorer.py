"""The page of the explorer: the same for every resource, and only for clients that name text/html."""

import re

import pytest

from shop.hypermedia.explorer import FOLDER, TAG

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
HTML = "text/html; charset=utf-8"


def open_page(caller, path, **headers):
    return caller.get(path, headers={**BROWSER, **headers})


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/", "/api/v1/products", "/api/v1/products/1", "/api/v2/orders"]
)
def test_is_what_a_browser_gets_of_a_resource(anonymous, path):
    assert open_page(anonymous, path).content_type == HTML


@pytest.mark.parametrize(
    "accept", ["*/*", "text/*", "text/html;q=0.5,application/hal+json", "application/json,text/html"]
)
def test_is_not_for_programs_that_take_it_as_well(anonymous, accept):
    assert anonymous.get("/", headers={"Accept": accept}).content_type != HTML


def test_is_the_same_for_all_resources_of_a_version(anonymous, desk):
    assert open_page(anonymous, desk).data == open_page(anonymous, "/api/v1/products").data


def test_is_kept_apart_from_the_json_by_caches(anonymous):
    assert "Accept" in open_page(anonymous, "/").headers["Vary"]


def test_need_not_be_sent_twice(anonymous):
    tag = open_page(anonymous, "/").headers["ETag"]
    assert open_page(anonymous, "/", **{"If-None-Match": tag}).status_code == 304


def test_asks_the_database_nothing(staff, desk, statements):
    statements.clear()
    open_page(staff, desk)
    assert statements == []


def test_costs_nothing_of_the_quota(variant):
    frugal = variant(rate_limit="1/minute").test_client()
    assert [open_page(frugal, "/").status_code for _ in range(3)] == [200, 200, 200]


def test_runs_no_code_that_stands_in_it(anonymous):
    page = open_page(anonymous, "/")
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert re.findall(r"<script[^>]*>[^<]| on\w+=| style=", page.text) == []


def test_says_that_a_place_does_not_exist(anonymous):
    assert (open_page(anonymous, "/nowhere").status_code, open_page(anonymous, "/nowhere").content_type) == (
        404,
        HTML,
    )


def test_says_that_a_place_cannot_be_looked_at(anonymous):
    refused = open_page(anonymous, "/api/v1/tokens")
    assert (refused.status_code, "POST" in refused.headers["Allow"]) == (405, True)


def test_is_never_the_answer_to_a_form(anonymous):
    refused = anonymous.post("/api/v1/tokens", {}, headers=BROWSER)
    assert refused.content_type == "application/problem+json"


def test_brings_every_module_at_once(anonymous):
    page = open_page(anonymous, "/").text
    assert {path.name for path in FOLDER.glob("*.js")} == set(
        re.findall(rf"/static/explorer/{TAG}/([\w.]+\.js)", page)
    )


def test_finds_its_parts_below_the_public_url(variant):
    page = open_page(variant(public_url="https://shop.example/store").test_client(), "/").text
    assert f'"/store/static/explorer/{TAG}/explorer.js"' in page


class TestAPart:
    def get_part(self, caller, tag=TAG):
        return caller.get(f"/static/explorer/{tag}/explorer.css")

    def test_may_be_kept_for_a_year(self, anonymous):
        assert self.get_part(anonymous).headers["Cache-Control"] == "public, max-age=31536000, immutable"

    def test_of_another_release_may_not(self, anonymous):
        assert "immutable" not in self.get_part(anonymous, "another").headers["Cache-Control"]

    def test_is_nothing_but_a_part(self, anonymous):
        assert anonymous.get(f"/static/explorer/{TAG}/__init__.py").status_code == 404
