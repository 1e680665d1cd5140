"""The profile, the API catalogue, the public URL, the sunset of a version, and minimal responses."""

import json
import re
from datetime import UTC
from urllib.parse import quote

import http_sf
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.http import parse_date

ALPS = {"Accept": "application/alps+json"}


class TestTheProfile:
    def test_is_a_page_for_people(self, anonymous):
        assert anonymous.get("/profile").content_type == "text/html; charset=utf-8"

    def test_is_alps_for_programs_that_name_it(self, anonymous):
        answer = anonymous.get("/profile", headers=ALPS)
        assert (answer.content_type, answer.json["alps"]["version"]) == ("application/alps+json", "1.0")

    def test_has_each_id_once(self, anonymous):
        ids = [each["id"] for each in anonymous.get("/profile", headers=ALPS).json["alps"]["descriptor"]]
        assert len(ids) == len(set(ids))

    def test_refers_only_to_what_it_says(self, anonymous):
        alps = anonymous.get("/profile", headers=ALPS).json["alps"]
        ids = {each["id"] for each in alps["descriptor"]}
        assert set(re.findall(r'"(?:href|rt)": "#([^"]+)"', json.dumps(alps["descriptor"]))) <= ids

    def test_knows_every_word_that_an_answer_uses(self, staff, desk):
        page = staff.get("/profile").text
        staff.post(f"{desk}/buy", {"quantity": 1})
        answers = [
            staff.get(url).json
            for url in ("/", desk, "/api/v1/products", "/api/v1/users/1", "/api/v1/orders/1")
        ]
        words = {word for answer in answers for word in (*answer["_links"], *answer)} - {
            "_links",
            "_embedded",
        }
        assert {word for word in words if f"<dt>{word}</dt>" not in page} <= {
            "name",
            "version",
            "total",
            "page",
            "per_page",
            "pages",
            "currency",
        }

    def test_has_a_place_for_every_profile_link(self, staff, desk):
        page = staff.get("/profile").text
        places = [
            staff.get(url).json["_links"]["profile"]["href"]
            for url in ("/", desk, "/api/v1/users", "/api/v1/users/1")
        ]
        assert all(f'id="{place.partition("#")[2]}"' in page for place in places)


class TestTheCatalogueOfApis:
    URL = "/.well-known/api-catalog"

    def test_is_a_linkset(self, anonymous):
        answer = anonymous.get(self.URL)
        assert (
            answer.content_type
            == 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'
        )

    def test_says_where_it_is_to_those_who_only_ask_for_the_head(self, anonymous):
        link = anonymous.call("HEAD", self.URL).headers["Link"]
        assert link == '<http://localhost/.well-known/api-catalog>; rel="api-catalog"'

    @pytest.mark.v1
    def test_leads_from_the_bare_origin_to_everything(self, anonymous):
        linkset = anonymous.get(self.URL).json["linkset"]
        places = [
            target["href"]
            for each in linkset
            for rel, targets in each.items()
            if rel != "anchor"
            for target in targets
        ]
        assert [anonymous.get(place).status_code for place in places] == [200] * len(places)

    def test_is_pointed_at_by_the_home(self, anonymous):
        assert (
            '<http://localhost/.well-known/api-catalog>; rel="api-catalog"'
            in anonymous.get("/").headers["Link"]
        )


class TestOnePublicUrl:
    PUBLIC = "https://x.example/shop"

    @pytest.fixture
    def client(self, variant):
        return variant(public_url=self.PUBLIC).test_client()

    @pytest.mark.parametrize("host", ["localhost", "evil.example"])
    @pytest.mark.parametrize(
        "url",
        [
            "/",
            "/api/v1/products",
            "/api/v1/products/1",
            "/nowhere",
            "/api/v1/users",
            "/.well-known/api-catalog",
            "/openapi/v1.json",
        ],
    )
    def test_begins_every_link(self, client, desk, url, host):
        accept = "application/prs.hal-forms+json, */*;q=0.1"
        text = client.get(url, headers={"Host": host, "Accept": accept}).text
        places = re.findall(r'"(?:href|target|url|anchor)":"([^"]+)"', text)
        ours = [place for place in places if not place.startswith("https://receiver.example/")]  # of a hook
        assert (len(ours) > 0, [place for place in ours if not place.startswith(self.PUBLIC)]) == (True, [])

    def test_begins_the_type_of_a_problem(self, client):
        assert client.get("/api/v1/users").json["type"].startswith(self.PUBLIC)

    def test_begins_a_location(self, client, staff):
        made = client.post(
            "/api/v1/products",
            json={"name": "Mug", "price": 1},
            headers={**staff.headers, "Host": "evil.example"},
        )
        assert made.headers["Location"] == f"{self.PUBLIC}/api/v1/products/1"

    def test_begins_what_the_pages_load(self, client):
        assert not re.findall(r'(?:src|href)="(?!https://x\.example/shop)[^"]*"', client.get("/docs").text)


RELATIONS = ["successor-version", "deprecation", "sunset"]
LINK = re.compile(r'<([!-;=?-~]*)>; rel="([a-z-]+)"(?:; type="[a-z/]+")?(?:, |$)', re.ASCII)


def parse_links(headers):
    """Return the relation and target of every link (RFC 8288); fail if a header is malformed."""
    text = ", ".join(headers)
    matches = list(LINK.finditer(text))
    assert "".join(each[0] for each in matches) == text
    return [(each[2], each[1]) for each in matches]


@pytest.fixture(scope="module")
def sunset_client(shops):
    """A client of a shop whose v1 has a sunset date."""
    return shops(v1_sunset="2027-12-31").test_client()


@pytest.mark.v1
class TestTheEndOfV1:
    @pytest.fixture
    def client(self, variant):
        return variant(v1_sunset="2027-12-31").test_client()

    def test_is_not_spoken_of_unless_it_is_set(self, app):
        assert not {"Deprecation", "Sunset"} & set(dict(app.test_client().get("/api/v1/").headers))

    @pytest.mark.parametrize("url", ["/api/v1/", "/api/v1/products", "/api/v1/nowhere", "/api/products"])
    def test_is_said_in_every_answer_of_v1(self, client, url):
        headers = client.get(url).headers
        assert (headers["Sunset"], headers["Deprecation"]) == ("Fri, 31 Dec 2027 23:59:59 GMT", "@1795132800")

    def test_comes_after_the_deprecation(self, client):
        headers = client.get("/api/v1/").headers
        deprecated = http_sf.parse(headers["Deprecation"].encode(), tltype="item")[0]
        assert deprecated <= parse_date(headers["Sunset"]).replace(tzinfo=UTC)

    def test_is_no_concern_of_v2(self, client):
        assert "Sunset" not in client.get("/api/v2/products").headers

    def test_names_the_same_place_in_v2(self, client, desk):
        links = client.get("/api/v1/products/1").headers.getlist("Link")
        assert '<http://localhost/api/v2/products/1>; rel="successor-version"' in links


@pytest.mark.v1
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    prefix=st.sampled_from(["/api/v1/", "/api/", "/api/v1/products/"]),
    rest=st.binary(max_size=30) | st.text(max_size=30),
)
@example(prefix="/api/v1/", rest='x>; rel="evil", <y')
@example(prefix="/api/v1/", rest="a\r\nSet-Cookie: a=b")
@example(prefix="/api/v1/", rest="\u20ac\u0661")
@example(prefix="/api/", rest="v1x/products")
def test_the_end_of_v1_links_to_three_places_whatever_the_path(sunset_client, migrated_app, prefix, rest):
    path = prefix + quote(rest, safe="")
    answer = sunset_client.get(path)
    links = parse_links(answer.headers.getlist("Link"))
    assert answer.status_code < 500
    assert [rel for rel, _ in links if rel in RELATIONS] == RELATIONS
    assert dict(links)["successor-version"].startswith("http://localhost/api/v2/")


class TestAskingForLittle:
    LITTLE = {"Prefer": "return=minimal"}

    def test_gets_no_body_from_a_change(self, staff, desk):
        answer = staff.patch(desk, {"stock": 1}, headers=self.LITTLE)
        assert (answer.status_code, answer.data, answer.headers["Preference-Applied"]) == (
            204,
            b"",
            "return=minimal",
        )

    def test_gets_only_the_place_of_what_was_made(self, staff):
        answer = staff.post("/api/v1/products", {"name": "Mug", "price": 1}, headers=self.LITTLE)
        assert (answer.status_code, answer.data, answer.headers["Location"]) == (
            201,
            b"",
            "http://localhost/api/v1/products/1",
        )

    def test_gets_a_whole_answer_to_a_question(self, staff, desk):
        assert staff.get(desk, headers=self.LITTLE).status_code == 200

    @pytest.mark.parametrize(
        "wish", ["return=representation", "respond-async", "wait=10", "", "return=minimalist", ";;,"]
    )
    def test_is_not_read_out_of_other_wishes(self, staff, desk, wish):
        assert staff.patch(desk, {"stock": 1}, headers={"Prefer": wish}).status_code == 200

    def test_is_something_that_answers_vary_with(self, staff, desk):
        assert "Prefer" in staff.patch(desk, {"stock": 1}).headers["Vary"]


@pytest.mark.parametrize("url", ["/docs", "/profile"])
class TestThePages:
    def test_allow_no_inline_code(self, anonymous, url):
        policy = anonymous.get(url).headers["Content-Security-Policy"]
        assert ("default-src 'none'" in policy, "unsafe" in policy) == (True, False)

    def test_have_no_inline_code(self, anonymous, url):
        assert not re.findall(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", anonymous.get(url).text)

    def test_load_only_what_is_there(self, anonymous, url):
        places = re.findall(r'(?:src|href)="http://localhost([^"]+)"', anonymous.get(url).text)
        assert [anonymous.get(place).status_code for place in places] == [200] * len(places)
