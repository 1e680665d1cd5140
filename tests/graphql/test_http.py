"""GraphQL over HTTP: statuses, media types, caches and errors."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

import shop.doors.graphql as graphql_door
from shop.hypermedia.negotiation import EVENT_STREAM
from shop.hypermedia.resources import Resource
from tests.conftest import KEY
from tests.graphql.conftest import GRAPHQL

JSON, NAME = "application/json", "{ shop { name } }"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def get(who, query=None, accept=GRAPHQL, **more):
    words = {"query": query, **more} if query else more
    return who.get("/graphql", query_string=words, headers={"Accept": accept})


def post(who, data, content_type=JSON, accept=GRAPHQL):
    return who.post("/graphql", data=data, content_type=content_type, headers={"Accept": accept})


@pytest.mark.parametrize(
    ("query", "code", "status"),
    [
        ("{", "GRAPHQL_PARSE_FAILED", 400),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED", 400),
        ("{ products(first: []) { totalCount } }", "GRAPHQL_VALIDATION_FAILED", 400),
        ("query A { me { id } } query B { me { id } }", "OPERATION_RESOLUTION_FAILURE", 400),
        ("query($n: Int!) { products(first: $n) { totalCount } }", "BAD_USER_INPUT", 400),
        ("{ users { totalCount } }", "UNAUTHENTICATED", 200),
        ("{ products(first: 0) { totalCount } }", "BAD_USER_INPUT", 200),
        ("{ products(first: 101) { totalCount } }", "BAD_USER_INPUT", 200),
        ('{ products(after: "junk") { totalCount } }', "BAD_USER_INPUT", 200),
        ('{ products(minPrice: "1.001") { totalCount } }', "BAD_USER_INPUT", 200),
        ("mutation { restock(id: 9, amount: 1) { ok } }", "UNAUTHENTICATED", 200),
    ],
)
def test_what_is_wrong_has_a_code(run_query, anonymous, query, code, status):
    answer = run_query(anonymous, query)
    assert (answer.status_code, [each["extensions"]["code"] for each in answer.json["errors"]]) == (
        status,
        [code],
    )


@pytest.mark.parametrize(
    "body", [b"[]", b'[{"query": "{ me { id } }"}]', b' \n[{"query": "{ me { id } }"}, 7]']
)
def test_a_batch_is_refused_in_words(anonymous, body):
    answer = post(anonymous, body)
    (error,) = answer.json["errors"]
    assert (answer.status_code, error["extensions"]["code"], error["message"]) == (
        400, "BAD_REQUEST", "Batches are not offered: send one operation per request.",
    )  # fmt: skip


@pytest.mark.parametrize("accept", [GRAPHQL, JSON, "*/*", "text/*", f"{EVENT_STREAM};q=0, {JSON}"])
def test_a_subscription_says_what_to_accept(anonymous, accept):
    answer = get(anonymous, "subscription { changes { seq } }", accept=accept)
    (error,) = answer.json["errors"] if accept != "text/*" else [{"message": None}]
    expected = None if accept == "text/*" else "Send a subscription with Accept: text/event-stream."
    assert (answer.status_code, error["message"]) == (406, expected)


@pytest.mark.parametrize("first", [0, -1, 101])
@pytest.mark.parametrize("field", ["products(first: {}) {{ totalCount }}", "changes(first: {}) {{ nodes {{ seq }} }}",
                                   'searchProducts(query: "x", first: {}) {{ id }}'])  # fmt: skip
def test_a_page_size_is_refused_in_words(run_query, anonymous, field, first):
    (error,) = run_query(anonymous, "{ " + field.format(first) + " }").json["errors"]
    assert (error["extensions"]["code"], error["message"], error["extensions"]["errors"]) == (
        "BAD_USER_INPUT", "`first` must be between 1 and 100.",
        [{"detail": "It must be between 1 and 100.", "pointer": "#/first"}],
    )  # fmt: skip


def test_those_who_only_know_json_are_told_in_the_body(anonymous):
    assert post(anonymous, b'{"query": "{"}', accept=JSON).status_code == 200


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", JSON, 400),
        (b"[]", JSON, 400),
        (b'{"query": 7}', JSON, 400),
        (b'{"query": "{me{id}}", "variables": []}', JSON, 400),
        (b'{"query": "{me{id}}", "variables": {"a": "\\ud800"}}', JSON, 400),
        (b'{"variables": ' + b"[" * 5000 + b"]" * 5000 + b"}", JSON, 400),
        (b'{"query": "' + b"x" * 2**20 + b'"}', JSON, 413),
        (b"query=x", "application/x-www-form-urlencoded", 415),
        (b'{"query": "{me{id}}"}', "text/plain", 415),
    ],
)
def test_a_body_is_read_strictly(anonymous, body, kind, status):
    answer = post(anonymous, body, kind)
    assert (answer.status_code, "errors" in answer.json) == (status, True)


def test_a_null_in_place_of_a_number_is_refused_where_it_stands(run_query, anonymous):
    answer = run_query(anonymous, "query($n: Int) { products(first: $n) { totalCount } }", n=None).json
    assert (answer["errors"][0]["extensions"]["code"], answer["errors"][0]["path"]) == (
        "BAD_USER_INPUT",
        ["products"],
    )


def test_a_get_never_changes_anything(anonymous):
    answer = get(anonymous, "mutation { logout { ok } }")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_other_media_types_are_refused(anonymous):
    assert get(anonymous, NAME, accept="application/xml").status_code == 406


def test_variables_come_in_the_query_too(anonymous, product):
    query = "query A($id: ID!) { product(id: $id) { name } } query B { me { id } }"
    found = get(anonymous, query, operationName="A", variables=f'{{"id": {product()}}}')
    assert found.json["data"]["product"]["name"] == "Walnut desk"


@pytest.mark.parametrize(
    ("name", "word"), [("variables", "null"), ("extensions", "null"), ("variables", "{}")]
)
def test_what_is_null_in_the_query_is_not_there(anonymous, name, word):
    assert get(anonymous, NAME, **{name: word}).status_code == 200


@pytest.mark.parametrize("word", ["[]", "7", "{", '{"a": NaN}'])
def test_variables_in_the_query_are_read_strictly(anonymous, word):
    assert get(anonymous, NAME, variables=word).status_code == 400


def test_what_is_no_text_is_refused(run_query, anonymous):
    assert run_query(anonymous, r'{ searchProducts(query: "\ud800") { id } }').status_code == 400


def test_the_page_is_made_of_what_its_notice_says():
    vendor = Path(graphql_door.__file__).parent / "static/vendor"
    digests = dict(reversed(line.split()) for line in (vendor / "NOTICE").read_text().splitlines()[5:])
    assert {name: sha256((vendor / name).read_bytes()).hexdigest() for name in digests} == digests


def test_a_dead_token_is_401(anonymous):
    anonymous.tokens = {"access_token": "forged"}
    answer = get(anonymous, NAME)
    assert (answer.status_code, "WWW-Authenticate" in answer.headers) == (401, True)


def test_an_error_says_where(run_query, staff):
    wrong = run_query(staff, 'mutation { mug: createProduct(name: "", price: 1.005) { ok } }').json["errors"][
        0
    ]
    pointers = {each["pointer"] for each in wrong["extensions"]["errors"]}
    assert (wrong["path"], pointers) == (["mug"], {"#/name", "#/price"})


def test_an_error_inside_of_a_list_says_where(run_query, customer):
    lines = [{"productId": "1", "quantity": 1}, {"productId": "x", "quantity": 0}]
    wrong = run_query(customer, "mutation($l: [LineInput!]!) { placeOrder(items: $l) { ok } }", l=lines).json[
        "errors"
    ][0]
    pointers = {each["pointer"] for each in wrong["extensions"]["errors"]}
    assert pointers == {"#/items/1/productId", "#/items/1/quantity"}


def test_one_failure_leaves_the_other_answers(run_query, anonymous):
    answer = run_query(anonymous, "{ shop { name } users { totalCount } }").json
    assert (answer["data"], answer["errors"][0]["path"]) == (
        {"shop": {"name": "Shop"}, "users": None},
        ["users"],
    )


def test_short_lines_are_named(run_query, customer, product):
    product(stock=2)
    wrong = run_query(customer, "mutation { buy(id: 1, quantity: 3) { ok } }").json["errors"][0]
    assert wrong["extensions"]["lines"] == [{"productId": "Product:1", "quantity": 3, "left": 2}]


class TestAFaultOfOurs:
    @pytest.fixture
    def fault(self, run_query, anonymous, monkeypatch):
        def fail(*_):
            raise RuntimeError("the secret of the house")

        monkeypatch.setattr(Resource, "find_span", fail)
        return run_query(anonymous, "{ products { totalCount } }")

    def test_is_masked(self, fault):
        assert ("secret" in fault.text, fault.json["errors"][0]["extensions"]["code"]) == (
            False,
            "INTERNAL_SERVER_ERROR",
        )

    def test_has_a_number_that_the_log_knows(self, fault):
        assert fault.json["errors"][0]["extensions"]["requestId"] == fault.headers["X-Request-ID"]


class TestCaches:
    def test_keep_what_strangers_are_told(self, variant, anonymous):
        answer = variant(cache_seconds="60").test_client().get("/graphql", query_string={"query": NAME})
        assert answer.headers["Cache-Control"] == "public, max-age=60, must-revalidate"

    def test_do_not_keep_what_somebody_is_told(self, customer):
        assert get(customer, "{ me { id } }").headers["Cache-Control"] == "private, no-cache"

    @pytest.mark.parametrize("query", ["{", "{ users { totalCount } }"])
    def test_do_not_keep_what_went_wrong(self, anonymous, query):
        assert get(anonymous, query).headers["Cache-Control"] == "no-store"

    def test_do_not_keep_a_post(self, run_query, anonymous):
        assert run_query(anonymous, NAME).headers["Cache-Control"] == "no-store"

    def test_are_told_when_nothing_changed(self, anonymous):
        tag = get(anonymous, NAME).headers["ETag"]
        again = anonymous.get(
            "/graphql", query_string={"query": NAME}, headers={"If-None-Match": tag, "Accept": GRAPHQL}
        )
        assert (again.status_code, again.data) == (304, b"")

    def test_are_told_when_something_did(self, anonymous, staff, product):
        query = f"{{ product(id: {product()}) {{ stock }} }}"
        tag = get(anonymous, query).headers["ETag"]
        staff.post("/api/v1/products/1/restock", {"amount": 1})
        again = anonymous.get(
            "/graphql", query_string={"query": query}, headers={"If-None-Match": tag, "Accept": GRAPHQL}
        )
        assert again.json["data"]["product"]["stock"] == 13


class TestWithoutAQuery:
    def test_a_browser_gets_a_page(self, anonymous):
        answer = get(anonymous, accept=BROWSER)
        assert (answer.content_type, "unsafe" in answer.headers["Content-Security-Policy"]) == (
            "text/html; charset=utf-8",
            False,
        )

    def test_all_others_get_the_schema(self, anonymous):
        assert "type Query {" in get(anonymous, accept="*/*").text

    def test_the_page_may_be_switched_off(self, variant):
        answer = variant(graphiql="off").test_client().get("/graphql", headers={"Accept": BROWSER})
        assert answer.content_type == "text/plain; charset=utf-8"

    def test_the_schema_may_be_switched_off(self, variant):
        shop = variant(graphql_introspection="off").test_client()
        errors = shop.post("/graphql", json={"query": "{ __schema { types { name } } nme }"}).json["errors"]
        assert (
            shop.get("/graphql").status_code,
            "Did you mean" in str(errors),
            "introspection" in str(errors),
        ) == (
            400,
            False,
            True,
        )


class TestTheWayHere:
    def test_is_on_the_home(self, anonymous):
        way = anonymous.get("/").json["_links"]["graphql"]
        assert (way["href"], way["type"]) == ("http://localhost/graphql", "text/html")

    @pytest.mark.parametrize("page", ["/docs", "/profile"])
    def test_is_on_the_pages_for_people(self, anonymous, page):
        assert "The same shop over GraphQL" in anonymous.get(page).text


WITHOUT_GRAPHQL = """
import sys
sys.modules["graphql"] = None
from shop.app import create_app
shop = create_app().test_client()
print("graphql" in shop.get("/").text + shop.get("/docs").text + shop.get("/profile").text.lower(),
      shop.get("/").status_code, shop.get("/graphql").status_code)
"""


def test_without_the_extra_the_shop_says_nothing_of_it(empty_folder, app):
    environ = {"SHOP_SECRET_KEY": KEY, "SHOP_DATABASE_URL": app.extensions["shop"].settings.database_url}
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_GRAPHQL], env=environ, capture_output=True, text=True, timeout=60
    )
    assert result.stdout.split() == ["False", "200", "404"]


UNTIL_A_QUERY = """
import sys
from shop.app import create_app
shop = create_app().test_client()
loaded = [shop.get("/api/v1/products").status_code, "graphql" in sys.modules]
print(*loaded, shop.get("/graphql?query={shop{name}}").status_code, "graphql" in sys.modules)
"""


def test_the_library_is_loaded_by_the_first_request(empty_folder, app):
    environ = {"SHOP_SECRET_KEY": KEY, "SHOP_DATABASE_URL": app.extensions["shop"].settings.database_url}
    result = subprocess.run(
        [sys.executable, "-c", UNTIL_A_QUERY], env=environ, capture_output=True, text=True, timeout=60
    )
    assert result.stdout.split() == ["200", "False", "200", "True"]
