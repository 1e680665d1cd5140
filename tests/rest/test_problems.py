"""Every error has the same shape, with a link to what to do next."""

import pytest

MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}


@pytest.fixture
def problems(anonymous, customer, staff, desk):
    """One response for every error status."""
    body = {"username": "ada", "email": "ada@shop.example", "password": "correct horse"}
    return {
        400: anonymous.get("/api/v1/products?page=0"),
        401: anonymous.get("/api/v1/users"),
        403: customer.get("/api/v1/users"),
        404: anonymous.get("/nowhere"),
        405: anonymous.delete("/api/v1/products"),
        406: anonymous.get("/api/v1/products", headers={"Accept": "text/plain"}),
        409: anonymous.post("/api/v1/users", body),
        412: staff.patch(desk, {"stock": 1}, headers={"If-Match": '"9-9"'}),
        413: staff.post("/api/v1/products", data=b"x" * 2**21, content_type="application/json"),
        415: staff.post("/api/v1/products", data="x", content_type="text/plain"),
    }


def test_every_problem_has_one_shape(problems):
    assert all(answer.json.keys() >= MEMBERS for answer in problems.values())


def test_every_problem_has_the_status_it_says(problems):
    assert {status: (answer.status_code, answer.json["status"]) for status, answer in problems.items()} == {
        status: (status, status) for status in problems
    }


def test_every_problem_has_its_media_type(problems):
    assert {answer.content_type for answer in problems.values()} == {"application/problem+json"}


def test_no_problem_is_kept_in_caches(problems):
    assert {answer.headers["Cache-Control"] for answer in problems.values()} == {"no-store"}


def test_every_answer_has_the_headers_of_safety(problems):
    names = {"X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy", "X-Request-ID"}
    assert all(names <= set(dict(answer.headers)) for answer in problems.values())


def test_the_type_of_a_problem_can_be_looked_up(problems, anonymous):
    page = anonymous.get("/profile").text
    own = [answer.json["type"] for answer in problems.values() if "/profile#" in answer.json["type"]]
    assert [f'id="{kind.partition("#")[2]}"' in page for kind in own] == [True] * 5


def test_a_401_leads_to_the_login(problems):
    assert problems[401].json["_links"]["login"]["href"] == "http://localhost/api/v1/tokens"


def test_a_404_leads_home(problems):
    assert problems[404].json["_links"]["home"]["href"] == "http://localhost/api/v1"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [("/", "GET HEAD OPTIONS"), ("/api/v1/products", "GET HEAD OPTIONS POST"), ("/api/v1/tokens", "OPTIONS POST"),
     ("/api/v1/products/1", "DELETE GET HEAD OPTIONS PATCH PUT"), ("/api/v1/products/1/restock", "OPTIONS POST"),
     ("/api/v1/tokens/current", "DELETE OPTIONS"), ("/health/live", "GET HEAD OPTIONS")],
)  # fmt: skip
@pytest.mark.parametrize("method", ["TRACE", "FOO", "OPTIONS"])
def test_what_is_allowed_is_said_alike_wherever_it_is_asked(anonymous, url, allowed, method):
    assert sorted(anonymous.call(method, url).headers["Allow"].split(", ")) == allowed.split()


@pytest.mark.parametrize(
    "suffix",
    ["0", "-1", "01", "9" * 18, "9" * 19, str(2**63), "9" * 5000, "1e3", "0x1", "%D9%A1", "%00", "1/"],
)
def test_an_id_that_is_none_is_not_found(anonymous, suffix):
    assert anonymous.get(f"/api/v1/products/{suffix}").status_code == 404


@pytest.mark.parametrize(
    "path", ["/a//evil.example", "/api//v1/products", "/api/v1/products/1/../2", "/%00", "/api/v3/"]
)
def test_a_path_that_is_none_is_not_found(anonymous, path):
    assert anonymous.get(path).status_code == 404


def test_a_trailing_slash_makes_no_difference(anonymous, desk):
    assert anonymous.get(f"{desk}/").json == anonymous.get(desk).json


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"7", b'{"name": "a", "name": "b"}', b'{"price": NaN}', b"\xff", b'\xef\xbb\xbf{}',
     '{"name": "x"}'.encode("utf-16"), b'{"name": "x",}', b'{/* */}', b'{"name": "\\ud800"}', b"[" * 50, b"[" * 100_000,
     b'{"a":' * 1000, b'{"stock": ' + b"9" * 5000 + b"}", b'{"\\ud800": 1}', b'{"price": 1e999999999}'],
)  # fmt: skip
def test_a_body_that_is_not_the_json_asked_for_is_refused(staff, body):
    assert staff.post("/api/v1/products", data=body, content_type="application/json").status_code == 400


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/xml",
        "",
        "application/json; charset=utf-16",
        "multipart/form-data",
        "application/merge-patch+json",
        "application/vnd.api+json",
    ],
)
def test_a_body_of_another_type_is_refused(staff, kind):
    refused = staff.post(
        "/api/v1/products", data=b'{"name": "x", "price": 1}', headers={"Content-Type": kind}
    )
    assert (refused.status_code, "application/json" in refused.headers["Accept"]) == (415, True)


def test_a_patch_of_another_type_is_told_which_are_read(staff, desk):
    refused = staff.patch(desk, None, data=b"x", content_type="text/plain")
    assert "application/merge-patch+json" in refused.headers["Accept-Patch"]


@pytest.mark.v1
@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/hal+json",
        "application/prs.hal-forms+json",
        "application/json; charset=UTF-8",
    ],
)
def test_a_body_may_come_under_any_name_for_json(staff, kind):
    body = b'{"name": "Pine stool", "price": 1}'
    assert staff.post("/api/v1/products", data=body, content_type=kind).status_code == 201


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_body_that_nobody_asked_for_is_no_matter(staff, desk, method):
    answer = staff.call(method, desk, data=b"{", content_type="application/hal+json")
    assert answer.status_code in (200, 204)


@pytest.mark.parametrize("query", ["q=%ff%fe", "%ff=1", "q=%ed%a0%80"])
def test_a_query_that_is_not_text_is_refused(anonymous, query):
    assert anonymous.get(f"/api/v1/products?{query}").status_code == 400


def test_every_flaw_is_pointed_at(staff):
    refused = staff.post("/api/v1/products", {"name": "", "price": "x", "a/b~c": 1, "stock": -1}).json
    assert {flaw["pointer"] for flaw in refused["errors"]} == {"#/name", "#/price", "#/stock", "#/a~1b~0c"}


def test_a_move_without_words_needs_no_body(customer, staff):
    assert staff.client.post(f"/api/v1/users/{customer.id}/disable", headers=staff.headers).status_code == 200


def test_a_move_without_words_takes_none(customer, staff):
    assert staff.post(f"/api/v1/users/{customer.id}/disable", {"why": "spam"}).status_code == 400


def test_members_with_an_underscore_are_never_data(staff):
    body = {"name": "Pine stool", "price": 1, "_links": {}, "_embedded": {}, "_templates": {}, "_whatever": 1}
    assert staff.post("/api/v1/products", body).status_code == 201


def test_a_request_id_is_kept_where_it_is_plain(anonymous):
    assert anonymous.get("/", headers={"X-Request-ID": "abcd-1234"}).headers["X-Request-ID"] == "abcd-1234"


@pytest.mark.parametrize("given", ["short", "x" * 65, "has space in it", "<script>alert</script>"])
def test_a_request_id_is_made_anew_where_it_is_not(anonymous, given):
    assert anonymous.get("/", headers={"X-Request-ID": given}).headers["X-Request-ID"] != given


@pytest.mark.parametrize("url", ["/health/live", "/health/ready"])
def test_health_is_told(anonymous, url):
    assert anonymous.get(url).status_code == 200
