"""Moves as HAL-FORMS, for clients that use only forms."""

import re
import shutil
import subprocess

import pytest

FORMS = {"Accept": "application/prs.hal-forms+json"}
TYPES = {"hidden", "text", "textarea", "number", "email", "password", "search", "tel", "url"}


def get_forms(person, url, **headers):
    return person.get(url, headers={**FORMS, **headers}).json["_templates"]


def get_names(template):
    return [field["name"] for field in template["properties"]]


def submit_form(person, template, **words):
    """Submit a form as a browser would: every field, filled in or with its default."""
    defaults = {field["name"]: field["value"] for field in template["properties"] if field.get("value")}
    sent = {**defaults, **words}
    kind = "data" if "form" in template["contentType"] else "json"
    if template["method"] in ("GET", "DELETE"):
        return person.call(template["method"], template["target"], query_string=sent)
    return person.call(template["method"], template["target"], **{kind: sent})


def collect_fields(templates):
    return [field for template in templates.values() for field in template["properties"]]


@pytest.fixture
def templates_by_page(staff, customer, desk):
    """The templates of every kind of page that staff see, by URL."""
    customer.post("/api/v1/orders", {"items": [{"product_id": 1, "quantity": 1}]})
    urls = [
        "/",
        "/api/v1/products",
        desk,
        "/api/v1/users",
        f"/api/v1/users/{customer.id}",
        "/api/v1/orders/1",
        "/api/v2/products/1",
    ]
    return {url: get_forms(staff, url) for url in urls}


class TestTemplates:
    def test_come_only_to_those_who_name_them(self, staff, desk):
        assert "_templates" not in staff.get(desk).json

    def test_are_named_like_the_links_they_stand_beside(self, staff, desk):
        document = staff.get(desk, headers=FORMS).json
        assert set(document["_templates"]) == set(document["_links"]) - {
            "self",
            "collection",
            "profile",
            "changes",
            "monitor",
        }

    def test_are_never_called_default(self, templates_by_page):
        assert not [url for url, templates in templates_by_page.items() if "default" in templates]

    def test_have_all_that_a_client_needs(self, templates_by_page):
        assert all(
            {"title", "method", "target", "contentType", "properties"} <= set(template)
            and template["method"] in ("GET", "POST", "PATCH", "DELETE") and template["target"].startswith("http://")
            for templates in templates_by_page.values() for template in templates.values()
        )  # fmt: skip

    def test_know_only_the_types_of_the_specification(self, templates_by_page):
        assert {
            field["type"] for templates in templates_by_page.values() for field in collect_fields(templates)
        } <= TYPES

    def test_say_nothing_by_saying_null(self, templates_by_page):
        assert not [
            f
            for templates in templates_by_page.values()
            for f in collect_fields(templates)
            if None in f.values()
        ]

    @pytest.mark.skipif(not shutil.which("node"), reason="there is no node to ask")
    def test_have_patterns_that_a_browser_understands(self, templates_by_page):
        patterns = {
            f["regex"]
            for templates in templates_by_page.values()
            for f in collect_fields(templates)
            if "regex" in f
        }
        code = "process.argv.slice(1).forEach(p => new RegExp(p, 'v'))"
        subprocess.run(["node", "-e", code, "--", *patterns], check=True)

    def test_prompt_in_words(self, staff, desk):
        prompts = {f["name"]: f.get("prompt") for f in get_forms(staff, desk)["update"]["properties"]}
        assert prompts == {
            "name": "Name",
            "description": "Description",
            "price": "Price",
            "stock": "Stock",
            "_etag": None,
        }

    def test_say_the_rules_of_the_shape(self, staff, desk):
        price = next(f for f in get_forms(staff, desk)["update"]["properties"] if f["name"] == "price")
        assert price == {"name": "price", "prompt": "Price", "type": "number", "required": False, "step": 0.01,
                         "min": 0.0, "max": 999999999.99, "value": "249.0"}  # fmt: skip

    def test_are_in_embedded_items_too(self, staff, desk):
        (item,) = staff.get("/api/v1/products", headers=FORMS).json["_embedded"]["item"]
        assert item == staff.get(desk, headers=FORMS).json

    def test_ask_what_the_search_link_and_the_documentation_ask(self, anonymous):
        page = anonymous.get("/api/v1/products", headers=FORMS).json
        linked = re.search(r"{\?(.*)}", page["_links"]["search"]["href"])[1].split(",")
        spec = anonymous.get("/openapi/v1.json").json["paths"]["/api/v1/products"]["get"]["parameters"]
        assert (
            get_names(page["_templates"]["search"])
            == linked
            == [each["name"] for each in spec if "name" in each]
        )


class TestSubmitting:
    @pytest.mark.parametrize("version", ["v1", "v2"])
    def test_an_edit_as_it_came_changes_nothing(self, staff, desk, version):
        url = f"/api/{version}/products/1"
        assert submit_form(staff, get_forms(staff, url)["update"]).json["_etag"] == '"1-1"'

    @pytest.mark.parametrize("version", ["v1", "v2"])
    def test_an_edit_changes_what_was_typed(self, staff, desk, version):
        answer = submit_form(
            staff, get_forms(staff, f"/api/{version}/products/1")["update"], price="19.99", stock="3"
        )
        assert (answer.status_code, staff.get(desk).json["price"], staff.get(desk).json["stock"]) == (
            200,
            19.99,
            3,
        )

    def test_a_stale_edit_is_refused_without_the_client_knowing_of_tags(self, staff, desk):
        stale = get_forms(staff, desk)["update"]
        staff.patch(desk, {"stock": 1})
        assert submit_form(staff, stale).status_code == 412

    def test_a_stale_deletion_is_refused_too(self, staff, desk):
        stale = get_forms(staff, desk)["delete"]
        staff.patch(desk, {"stock": 1})
        assert (
            submit_form(staff, stale).status_code,
            submit_form(staff, get_forms(staff, desk)["delete"]).status_code,
        ) == (412, 204)

    def test_buying_twice_by_a_double_click_buys_once(self, customer, desk):
        buy = get_forms(customer, desk)["buy"]
        orders = {submit_form(customer, buy, quantity=1).json["id"] for _ in range(2)}
        assert (orders, customer.get("/api/v1/orders").json["total"]) == ({1}, 1)

    def test_buying_again_from_a_fresh_page_buys_again(self, customer, desk):
        for _ in range(2):
            submit_form(customer, get_forms(customer, desk)["buy"], quantity=1)
        assert customer.get("/api/v1/orders").json["total"] == 2

    @pytest.mark.parametrize("page", ["/", "/api/v1/products"])
    def test_adding_two_products_from_two_pages_adds_two(self, staff, page):
        for name in ("Desk", "Lamp"):
            submit_form(staff, get_forms(staff, page)["create"], name=name, price="1")
        assert staff.get("/api/v1/products").json["total"] == 2

    def test_a_page_without_news_is_not_sent_again_keys_and_all(self, staff, desk):
        tag = staff.get(desk, headers=FORMS).headers["ETag"]
        assert staff.get(desk, headers={**FORMS, "If-None-Match": tag}).status_code == 304

    def test_two_users_have_two_keys(self, customer, staff, desk):
        keys = {
            f["value"]
            for p in (customer, staff)
            for f in get_forms(p, desk)["buy"]["properties"]
            if f["name"] == "_idempotency_key"
        }
        assert len(keys) == 2

    def test_a_stranger_registers_and_logs_in_by_forms(self, anonymous):
        submit_form(
            anonymous,
            get_forms(anonymous, "/")["register"],
            username="eve",
            email="e@x.example",
            password="correct horse",
        )
        login = submit_form(
            anonymous, get_forms(anonymous, "/")["login"], username="eve", password="correct horse"
        )
        assert login.status_code == 200

    def test_tokens_are_renewed_and_ended_by_forms(self, customer):
        body = {"username": "ada", "password": "walnut-and-brass"}
        pair = customer.client.post("/api/v1/tokens", json=body, headers=FORMS).json
        assert (
            submit_form(customer, pair["_templates"]["refresh"]).status_code,
            set(pair["_templates"]),
        ) == (
            200,
            {"refresh", "logout"},
        )

    def test_a_search_finds_what_was_typed(self, anonymous, product):
        product("Desk"), product("Lamp")
        found = submit_form(
            anonymous, get_forms(anonymous, "/")["search"], q="lamp", sort="price", in_stock="true"
        )
        assert [item["name"] for item in found.json["_embedded"]["item"]] == ["Lamp"]

    def test_every_move_of_an_order_is_made_by_its_form(self, customer, staff, desk):
        order = submit_form(customer, get_forms(customer, desk)["buy"], quantity="2").headers["Location"]
        submit_form(staff, get_forms(staff, order)["pay"], reference="bank 0042")
        submit_form(staff, get_forms(staff, order)["ship"], tracking="JD0002")
        assert submit_form(customer, get_forms(customer, order)["deliver"]).json["status"] == "delivered"

    def test_numbers_as_text_are_read_only_out_of_a_form(self, staff, desk):
        plain = staff.post(f"{desk}/restock", {"amount": "1"})
        formed = staff.post(f"{desk}/restock", {"amount": "1", "_etag": '"1-1"'})
        assert (plain.status_code, formed.status_code) == (400, 200)


class TestProblemsThatLeadOn:
    """Each refusal contains what the client needs to correct the request, without building a URL."""

    def test_a_401_holds_the_login(self, customer, anonymous):
        refused = anonymous.get("/api/v1/orders").json
        tokens = submit_form(
            anonymous, refused["_templates"]["login"], username="ada", password="walnut-and-brass"
        ).json
        assert (
            customer.client.get(
                refused["instance"], headers={"Authorization": f"Bearer {tokens['access_token']}"}
            ).status_code
            == 200
        )

    def test_a_412_holds_the_way_to_what_is_there_now(self, staff, desk):
        stale = get_forms(staff, desk)["update"]
        staff.patch(desk, {"stock": 1})
        refused = submit_form(staff, stale, price="5").json
        fresh = staff.get(refused["_links"]["self"]["href"], headers=FORMS).json["_templates"]["update"]
        assert submit_form(staff, fresh, price="5").status_code == 200

    def test_a_409_for_too_many_holds_the_form_for_what_is_left(self, customer, product):
        product(stock=2)
        refused = submit_form(customer, get_forms(customer, "/api/v1/products/1")["buy"], quantity=3).json
        assert submit_form(customer, refused["_templates"]["buy"]).json["items"][0]["quantity"] == 2

    def test_a_409_for_an_order_holds_what_is_left_and_where_to_order(self, customer, product):
        product(stock=2)
        refused = customer.post("/api/v1/orders", {"items": [{"product_id": 1, "quantity": 3}]}).json
        lines = [{"product_id": line["product_id"], "quantity": line["left"]} for line in refused["lines"]]
        assert customer.post(refused["_links"]["create"]["href"], {"items": lines}).status_code == 201

    def test_a_400_points_at_the_fields_of_the_form(self, staff):
        create = get_forms(staff, "/")["create"]
        refused = submit_form(staff, create, name="", price="cheap").json
        assert (
            {flaw["pointer"].removeprefix("#/") for flaw in refused["errors"]}
            == {"name", "price"}
            <= set(get_names(create))
        )

    def test_a_429_says_how_long(self, variant):
        client = variant(rate_limit="1/second").test_client()
        client.get("/"), client.get("/")
        refused = client.get("/")
        assert (
            refused.status_code,
            int(refused.headers["Retry-After"]) <= 1,
            refused.json["violated-policies"],
        ) == (429, True, ["default"])


@pytest.mark.parametrize("again", ["same", "fresh"])
def test_a_form_that_was_refused_can_be_corrected(customer, product, again):
    product(stock=2)
    buy = get_forms(customer, "/api/v1/products/1")["buy"]
    refused = submit_form(customer, buy, quantity=3).status_code
    buy = buy if again == "same" else get_forms(customer, "/api/v1/products/1")["buy"]
    assert (refused, submit_form(customer, buy, quantity=2).status_code) == (409, 201)
