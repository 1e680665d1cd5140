"""Links, pages and media types of REST."""

import re
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.hypermedia.negotiation import choose_offer

FORMS = "application/prs.hal-forms+json"
HAL, JSON, V1, V2 = (
    "application/hal+json",
    "application/json",
    "application/vnd.shop.v1+json",
    "application/vnd.shop.v2+json",
)


def get_links(answer):
    return answer.json["_links"]


@pytest.mark.v1
class TestTheHome:
    ALWAYS = {
        "changes",
        "self",
        "products",
        "search",
        "profile",
        "service-desc",
        "service-doc",
        "graphql",
        "status",
        "login",
        "register",
    }

    @pytest.mark.parametrize("url", ["/", "/api", "/api/", "/api/v1", "/api/v1/", "/api/v2", "/api/v2/"])
    def test_is_at_every_root(self, anonymous, url):
        assert self.ALWAYS <= set(get_links(anonymous.get(url)))

    def test_offers_strangers_a_way_in(self, anonymous):
        assert set(get_links(anonymous.get("/api/v1/"))) == self.ALWAYS | {"successor-version"}

    def test_leads_a_customer_to_the_account_and_out(self, customer):
        assert set(get_links(customer.get("/"))) == self.ALWAYS | {
            "successor-version",
            "me",
            "orders",
            "draft",
            "drafts",
            "subscribe",
            "hooks",
            "deliveries",
            "logout",
        }

    def test_leads_staff_to_what_staff_do(self, staff):
        assert {"users", "create"} <= set(get_links(staff.get("/")))

    def test_of_a_version_leads_to_its_neighbour(self, anonymous):
        assert "predecessor-version" in get_links(anonymous.get("/api/v2/"))

    def test_searches_by_a_template_that_names_every_parameter(self, anonymous):
        search = get_links(anonymous.get("/"))["search"]
        assert search == {
            "href": "http://localhost/api/v1/products"
            "{?page,per_page,sort,order,q,min_price,max_price,in_stock,fields}",
            "templated": True,
        }

    def test_has_no_link_that_leads_nowhere(self, staff):
        visited = {
            rel: staff.get(link["href"].partition("{")[0]).status_code
            for rel, link in get_links(staff.get("/")).items()
        }
        posts = {"login", "logout"}
        assert {rel: status for rel, status in visited.items() if status != 200} == dict.fromkeys(posts, 405)


class TestLinks:
    @pytest.mark.v1
    @pytest.mark.parametrize("prefix", ["/api", "/api/v1", "/api/v2"])
    def test_stay_inside_the_prefix_the_client_came_by(self, anonymous, desk, prefix):
        assert (
            get_links(anonymous.get(f"{prefix}/products/1"))["self"]["href"]
            == f"http://localhost{prefix}/products/1"
        )

    def test_begin_with_the_public_url_where_one_is_set(self, variant, desk):
        client = variant(public_url="https://x.example/shop").test_client()
        text = client.get("/api/v1/products", headers={"Host": "evil.example"}).text
        assert {url[:23] for url in re.findall(r'"href":"([^"]+)', text)} == {"https://x.example/shop/"[:23]}

    def test_survive_a_foreign_host_only_where_all_are_trusted(self, variant):
        client = variant(trusted_hosts="shop.example").test_client()
        assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


def fill_catalogue(product, count=7):
    for n in range(count):
        product(name=f"Mug {n % 3}", price=1000 + n // 2, stock=n % 4)


def walk_pages(person, url, rel="next"):
    while url:
        page = person.get(url).json
        yield page
        url = page["_links"].get(rel, {}).get("href")


def get_ids(page):
    return [item["id"] for item in page["_embedded"]["item"]]


class TestPages:
    def test_of_nothing_are_whole(self, anonymous):
        page = anonymous.get("/api/v1/products").json
        assert (page["total"], page["pages"], page["_embedded"]) == (0, 0, {"item": []})

    def test_always_have_their_standing_links(self, anonymous):
        assert set(get_links(anonymous.get("/api/v1/products"))) == {
            "self",
            "first",
            "last",
            "search",
            "monitor",
            "profile",
        }

    def test_hold_items_that_are_whole(self, staff, desk):
        (item,) = staff.get("/api/v1/products").json["_embedded"]["item"]
        assert item == staff.get(desk).json

    @pytest.mark.parametrize("sort", ["id", "name", "price", "stock", "created_at"])
    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_followed_by_next_show_everything_once(self, anonymous, product, sort, order):
        fill_catalogue(product)
        pages = list(walk_pages(anonymous, f"/api/v1/products?per_page=2&sort={sort}&order={order}"))
        assert sorted(chain(*map(get_ids, pages))) == [1, 2, 3, 4, 5, 6, 7]

    @pytest.mark.parametrize("sort", ["id", "name", "price", "stock", "created_at"])
    def test_followed_back_from_the_last_are_the_same(self, anonymous, product, sort):
        fill_catalogue(product)
        forth = list(walk_pages(anonymous, f"/api/v1/products?per_page=2&sort={sort}"))
        back = list(walk_pages(anonymous, forth[0]["_links"]["last"]["href"], "prev"))
        assert list(map(get_ids, reversed(back))) == list(map(get_ids, forth))

    def test_are_numbered_however_one_came(self, anonymous, product):
        fill_catalogue(product)
        forth = list(walk_pages(anonymous, "/api/v1/products?per_page=2"))
        back = list(walk_pages(anonymous, forth[0]["_links"]["last"]["href"], "prev"))
        assert [page["page"] for page in forth + back] == [1, 2, 3, 4, 4, 3, 2, 1]

    def test_by_number_are_those_by_link(self, anonymous, product):
        fill_catalogue(product)
        forth = [get_ids(page) for page in walk_pages(anonymous, "/api/v1/products?per_page=3")]
        assert [
            get_ids(anonymous.get(f"/api/v1/products?per_page=3&page={n}").json) for n in (1, 2, 3)
        ] == forth

    def test_miss_nothing_when_something_is_added_before_them(self, anonymous, product):
        fill_catalogue(product)
        first = anonymous.get("/api/v1/products?per_page=3&sort=price").json
        product(name="New", price=1)
        assert get_ids(anonymous.get(first["_links"]["next"]["href"]).json) == [4, 5, 6]

    def test_have_no_next_where_there_is_none(self, anonymous, product):
        fill_catalogue(product, 4)
        assert "next" not in get_links(anonymous.get("/api/v1/products?per_page=2&page=2"))

    def test_beyond_the_end_are_empty_and_lead_back(self, anonymous, product):
        fill_catalogue(product, 3)
        beyond = anonymous.get("/api/v1/products?per_page=2&page=9").json
        assert (get_ids(beyond), get_ids(anonymous.get(beyond["_links"]["prev"]["href"]).json)) == ([], [3])

    def test_keep_the_search_they_belong_to(self, anonymous, product):
        fill_catalogue(product)
        pages = walk_pages(anonymous, "/api/v1/products?per_page=1&q=mug+1&sort=price&order=desc")
        assert [get_ids(page) for page in pages] == [[5], [2]]

    @pytest.mark.parametrize("query", ["page=2&per_page=3", "sort=price&order=desc", "fields=id,name"])
    def test_know_where_they_are(self, anonymous, product, query):
        fill_catalogue(product)
        here = get_links(anonymous.get(f"/api/v1/products?{query}"))["self"]["href"]
        assert anonymous.get(here).json == anonymous.get(f"/api/v1/products?{query}").json

    def test_that_a_link_leads_to_count_nothing_again(self, anonymous, product, statements):
        fill_catalogue(product)
        way = get_links(anonymous.get("/api/v1/products?per_page=2"))["next"]["href"]
        statements.clear()
        anonymous.get(way)
        assert [each for each in statements if "count(" in each] == []

    @pytest.mark.parametrize(
        "cursor",
        ["~", "~x", "~e30", "~WyJhZnRlciJd", "~WyJhZnRlciIsIm5hbWUtYXNjIiwyLDEsMV0", "~" + "A" * 2000],
    )
    def test_that_nobody_linked_to_do_not_exist(self, anonymous, cursor):
        assert anonymous.get(f"/api/v1/products?page={cursor}").status_code in (400, 404)

    def test_of_another_order_do_not_exist_in_this_one(self, anonymous, product):
        fill_catalogue(product)
        cursor = get_links(anonymous.get("/api/v1/products?per_page=2"))["next"]["href"].partition("page=~")[
            2
        ]
        assert anonymous.get(f"/api/v1/products?per_page=2&sort=price&page=~{cursor}").status_code == 404

    @pytest.mark.parametrize(
        "query",
        ["page=0", "page=-1", "page=abc", "page=", "page=1&page=2", "page=1.0", "page=99999999999999999999",
         "page=%D9%A1", "page=1e3", "per_page=0", "per_page=101", "per_page=x", "per_page=1000000", "sort=password_hash",
         "sort=", "order=up", "in_stock=yes", "in_stock=1", "min_price=cheap", "min_price=1.999", "min_price=-1",
         "max_price=NaN", "q=" + "x" * 101, "q=%00", "pagesize=5", "fields=id,secret",
         "Page=1", "q=a&q=b"],
    )  # fmt: skip
    def test_are_not_guessed_from_a_query_that_is_wrong(self, anonymous, query):
        refused = anonymous.get(f"/api/v1/products?{query}")
        assert (refused.status_code, len(refused.json["errors"]) > 0) == (400, True)


class TestSearching:
    @pytest.mark.parametrize(
        ("query", "found"),
        [("q=DESK", [1]), ("q=cafe%CC%81", [3]), ("q=CAFÉ", [3]), ("q=%25", [4]), ("q=_", []), ("q=\\", []), ("q=brass", [2]),
         ("q=' OR 1=1--", []), ("q=", [1, 2, 3, 4]), ("min_price=20", [1, 2]), ("max_price=19.99", [3, 4]),
         ("min_price=19.99&max_price=19.99", [3]), ("in_stock=true", [1, 3]), ("in_stock=false", [2, 4])],
    )  # fmt: skip
    def test_finds_what_is_meant_literally(self, anonymous, product, query, found):
        product("Walnut desk", "Oiled.", 24900, 3)
        product("Lamp", "Of brass.", 8900, 0)
        product("Café blend", "", 1999, 7)
        product("Cotton, 100%", "", 1000, 0)
        assert get_ids(anonymous.get("/api/v1/products", query_string=query).json) == found

    def test_shows_only_the_members_asked_for(self, anonymous, desk):
        (item,) = anonymous.get("/api/v1/products?fields=name,price").json["_embedded"]["item"]
        assert set(item) == {"name", "price", "_etag", "_links"}

    def test_sorts_names_as_people_do(self, anonymous, product):
        for name in ("b", "A", "C", "é"):
            product(name=name)
        items = anonymous.get("/api/v1/products?sort=name").json["_embedded"]["item"]
        assert [item["name"] for item in items] == ["A", "b", "C", "é"]


@pytest.mark.v1
class TestVersions:
    def test_differ_in_how_money_is_written(self, anonymous, desk):
        prices = [anonymous.get(f"/api/{version}/products/1").json["price"] for version in ("v1", "v2")]
        assert prices == [249.0, {"amount": "249.00", "currency": "USD"}]

    def test_read_money_as_they_write_it(self, staff):
        money = {"amount": "19.99", "currency": "USD"}
        assert staff.post("/api/v2/products", {"name": "Mug", "price": money}).json["price"] == money

    @pytest.mark.parametrize(
        "money",
        [19.99, "19.99", {"amount": "19.99"}, {"amount": 19.99, "currency": "USD"}, {"amount": "19.999", "currency": "USD"},
         {"amount": "1_0", "currency": "USD"}, {"amount": "19.99", "currency": "EUR"}, {"amount": "-1", "currency": "USD"},
         {"amount": "\u0661", "currency": "USD"}, {"amount": ".5", "currency": "USD"}, {"amount": "1\n", "currency": "USD"}],
    )  # fmt: skip
    def test_refuse_money_of_another_notation(self, staff, money):
        assert staff.post("/api/v2/products", {"name": "Mug", "price": money}).status_code == 400

    def test_are_chosen_by_accept_where_the_path_names_none(self, anonymous, desk):
        answer = anonymous.get("/api/products/1", headers={"Accept": V2})
        assert (answer.content_type, answer.json["price"]["amount"]) == (V2, "249.00")

    def test_are_v1_where_nobody_names_one(self, anonymous, desk):
        assert anonymous.get("/api/products/1").json["price"] == 249.0

    @pytest.mark.parametrize(
        ("url", "accept"),
        [
            ("/api/v1/products", V2),
            ("/api/v2/products", V1),
            ("/api/products", "application/vnd.shop.v9+json"),
        ],
    )
    def test_do_not_answer_for_each_other(self, anonymous, url, accept):
        assert anonymous.get(url, headers={"Accept": accept}).status_code == 406

    def test_write_the_currency_with_as_many_decimals_as_it_has(self, variant, staff, desk):
        client = variant(currency="JPY").test_client()
        assert [client.get(f"/api/{v}/products/1").json["price"] for v in ("v1", "v2")] == [
            24900, {"amount": "24900", "currency": "JPY"},
        ]  # fmt: skip


class TestMediaTypes:
    @pytest.mark.parametrize(
        ("accept", "answered"),
        [("", HAL), ("*/*", HAL), ("application/*", HAL), (HAL, HAL), (JSON, JSON), (f"{JSON};q=0.9, {HAL};q=0.8", JSON),
         (f"{HAL};profile=\"x\"", HAL), ("text/html;q=0.8,*/*", HAL), (f"{HAL};q=0, */*", JSON),
         ("application/prs.hal-forms+json, application/hal+json, application/json, */*", FORMS), (V1, V1),
         (f"{FORMS};q=0.5, {HAL}", HAL), (FORMS, FORMS),
         ("APPLICATION/HAL+JSON", HAL), (f"{JSON}, {HAL}", HAL), (f"*/*;q=0.1, {JSON};q=0.1", JSON)],
    )  # fmt: skip
    def test_are_what_the_client_wants_most(self, anonymous, desk, accept, answered):
        assert anonymous.get(desk, headers={"Accept": accept}).content_type == answered

    @pytest.mark.parametrize(
        "accept", ["text/plain", "image/*", f"{HAL};q=0", "application/xml", "x", f"{HAL};q=banana"]
    )
    def test_that_are_not_offered_are_said_to_be_so(self, anonymous, desk, accept):
        refused = anonymous.get(desk, headers={"Accept": accept})
        assert (refused.status_code, refused.content_type) == (406, "application/problem+json")

    def test_are_agreed_on_before_anything_is_done(self, staff, anonymous):
        staff.post("/api/v1/products", {"name": "Mug", "price": 1}, headers={"Accept": "text/html"})
        assert anonymous.get("/api/v1/products").json["total"] == 0

    @given(st.text(max_size=60))
    def test_of_any_accept_header_at_all_are_decided(self, accept):
        assert choose_offer(accept, (HAL, JSON)) in (HAL, JSON, None)


def test_cors_is_off_unless_it_is_set(anonymous, desk):
    answer = anonymous.get(desk, headers={"Origin": "https://app.example"})
    assert not [name for name in dict(answer.headers) if name.startswith("Access-Control")]


def test_cors_lets_in_the_origins_that_are_named(variant):
    client = variant(cors_origins="https://app.example").test_client()
    asked = {"Origin": "https://app.example", "Access-Control-Request-Headers": "authorization"}
    answer = client.options("/api/v1/products", headers=asked)
    assert (
        answer.headers["Access-Control-Allow-Origin"],
        answer.headers["Access-Control-Allow-Headers"],
        "POST" in answer.headers["Access-Control-Allow-Methods"],
    ) == ("https://app.example", "authorization", True)


def test_cors_repeats_only_what_can_be_names_of_headers(variant):
    client = variant(cors_origins="https://app.example").test_client()
    asked = {
        "Origin": "https://app.example",
        "Access-Control-Request-Headers": 'If-Match, a b, \u00e9, "x", prefer',
    }
    assert (
        client.options("/api/v1/products", headers=asked).headers["Access-Control-Allow-Headers"]
        == "If-Match, prefer"
    )


def test_cors_keeps_out_all_others(variant):
    client = variant(cors_origins="https://app.example").test_client()
    assert (
        "Access-Control-Allow-Origin"
        not in client.get("/", headers={"Origin": "https://evil.example"}).headers
    )


@pytest.mark.v1
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_each_operation_takes_the_types_that_its_document_lists(staff, version):
    document = staff.get(f"/openapi/{version}.json").json
    asked = {}
    for path, item in document["paths"].items():
        for method in item.keys() & {"get", "put", "post", "patch", "delete"}:
            answers = [resolve(document, each) for each in item[method]["responses"].values()]
            accept = ", ".join(sorted({kind for each in answers for kind in each.get("content", ())}))
            answer = staff.call(method.upper(), path.replace("{id}", "99"), headers={"Accept": accept})
            asked[f"{method} {path}"] = answer.status_code
    assert (len(asked) > 20, [each for each, status in asked.items() if status == 406]) == (True, [])


def resolve(document, node):
    for step in node["$ref"].split("/")[1:] if "$ref" in node else ():
        document = document[step]
    return document if "$ref" in node else node


@pytest.mark.parametrize("accept", ["application/problem+json", "text/plain", "application/vnd.shop.v9+json"])
def test_what_has_no_body_is_not_refused_for_its_type(staff, desk, accept):
    answers = [staff.delete(desk, headers={"Accept": accept}), staff.get(desk)]
    assert [each.status_code for each in answers] == [204, 404]


@pytest.mark.parametrize("url", ["/", "/api/v1/products", "/openapi/v1.json"])
def test_options_has_neither_a_body_nor_a_media_type(anonymous, url):
    answer = anonymous.call("OPTIONS", url)
    assert (answer.data, "Content-Type" in answer.headers, "GET" in answer.headers["Allow"]) == (
        b"",
        False,
        True,
    )
