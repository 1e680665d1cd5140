"""The catalogue over REST."""

import pytest


def test_a_product_is_shown_with_its_state_tag_and_ways(anonymous, desk):
    shown = anonymous.get(desk).json
    assert shown == {
        "id": 1,
        "name": "Walnut desk",
        "description": "",
        "price": 249.0,
        "stock": 12,
        "created_at": shown["created_at"],
        "updated_at": shown["updated_at"],
        "_etag": '"1-1"',
        "_links": {
            "self": {"href": "http://localhost/api/v1/products/1"},
            "collection": {"href": "http://localhost/api/v1/products"},
            "changes": {"href": "http://localhost/api/v1/changes?product_id=1"},
            "monitor": {
                "href": "http://localhost/api/v1/changes?product_id=1",
                "type": "text/event-stream",
            },
            "profile": {"href": "http://localhost/profile#product"},
            "login": {"href": "http://localhost/api/v1/tokens"},
        },
    }


def test_staff_are_offered_the_moves_of_a_product(staff, desk):
    assert {"update", "delete", "restock"} <= set(staff.get(desk).json["_links"])


def test_customers_are_not_offered_what_is_for_staff(customer, desk):
    assert not {"update", "delete", "restock"} & set(customer.get(desk).json["_links"])


def test_adding_a_product_tells_where_it_is(staff):
    added = staff.post("/api/v1/products", {"name": "Pine stool", "price": 39.5, "stock": 4})
    assert (added.status_code, added.headers["Location"]) == (201, "http://localhost/api/v1/products/1")


def test_what_was_added_is_found_where_it_was_said_to_be(staff, anonymous):
    added = staff.post("/api/v1/products", {"name": "Pine stool", "price": 39.5, "stock": 4})
    assert anonymous.get(added.headers["Location"]).json["price"] == 39.5


def test_putting_replaces_the_whole_product(staff, desk):
    put = staff.put(desk, {"name": "Walnut desk, large", "price": 299, "stock": 3})
    assert (put.status_code, put.json["description"], put.json["stock"]) == (200, "", 3)


def test_a_client_may_put_back_all_that_it_got(staff, desk):
    got = staff.get(desk).json
    assert staff.put(desk, {**got, "price": 250}).json["price"] == 250.0


def test_patching_changes_only_what_is_named(staff, desk):
    patched = staff.patch(desk, {"price": 199.99}).json
    assert (patched["price"], patched["name"], patched["stock"]) == (199.99, "Walnut desk", 12)


def test_a_null_in_a_patch_removes_a_description(staff, product):
    url = f"/api/v1/products/{product(description='Oiled.')}"
    assert staff.patch(url, {"description": None}).json["description"] == ""


@pytest.mark.parametrize("member", ["name", "price", "stock"])
def test_a_null_in_a_patch_cannot_remove_what_a_product_must_have(staff, desk, member):
    assert staff.patch(desk, {member: None}).status_code == 400


def test_an_empty_patch_changes_nothing(staff, desk):
    assert staff.patch(desk, {}).json["_etag"] == '"1-1"'


def test_a_merge_patch_may_come_under_its_own_type(staff, desk):
    patched = staff.patch(desk, None, data='{"stock": 1}', content_type="application/merge-patch+json")
    assert patched.json["stock"] == 1


def test_a_retired_product_is_gone(staff, anonymous, desk):
    assert (staff.delete(desk).status_code, anonymous.get(desk).status_code) == (204, 404)


def test_a_retired_product_is_not_listed(staff, anonymous, desk):
    staff.delete(desk)
    assert anonymous.get("/api/v1/products").json["total"] == 0


def test_restocking_adds_to_the_stock(staff, desk):
    assert staff.post(f"{desk}/restock", {"amount": 5}).json["stock"] == 17


def test_restocking_may_take_away(staff, desk):
    assert staff.post(f"{desk}/restock", {"amount": -12}).json["stock"] == 0


def test_the_stock_never_falls_below_nothing(staff, desk):
    refused = staff.post(f"{desk}/restock", {"amount": -13})
    assert (refused.status_code, refused.json["stock"]) == (409, 12)


def test_the_stock_never_grows_beyond_what_is_kept(staff, desk):
    assert staff.post(f"{desk}/restock", {"amount": 2**31 - 1}).status_code == 409


def test_a_change_says_where_the_new_state_is_from(staff, desk):
    assert staff.patch(desk, {"stock": 1}).headers["Content-Location"] == f"http://localhost{desk}"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", ""), ("PUT", "/1"), ("PATCH", "/1"), ("DELETE", "/1"), ("POST", "/1/restock")],
)
class TestWhoMayChangeTheCatalogue:
    def test_customers_may_not(self, customer, desk, method, path):
        assert customer.call(method, f"/api/v1/products{path}").status_code == 403

    def test_strangers_are_told_to_log_in(self, anonymous, desk, method, path):
        refused = anonymous.call(method, f"/api/v1/products{path}")
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'Bearer realm="shop"')


@pytest.mark.parametrize(
    "price",
    [
        19.999,
        0.001,
        -1,
        -0.01,
        True,
        None,
        "19.99",
        "1_0",
        " 1 ",
        "1E+5",
        "\u0661",
        "-0",
        [],
        {},
        1e9,
        10**20,
        10**12,
    ],
)
def test_a_price_is_exact_or_refused(staff, price):
    refused = staff.post("/api/v1/products", {"name": "Pine stool", "price": price})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (400, "#/price")


@pytest.mark.parametrize(
    "literal", ["1e400", "NaN", "Infinity", "-Infinity", "1e-400", f"1e{10**20}", "19.990000000000001"]
)
def test_a_number_that_is_no_amount_is_refused(staff, literal):
    body = f'{{"name": "Pine stool", "price": {literal}}}'
    assert staff.post("/api/v1/products", data=body, content_type="application/json").status_code == 400


@pytest.mark.v1
@pytest.mark.parametrize(
    ("literal", "shown"), [("0", 0.0), ("1e1", 10.0), ("19.990", 19.99), ("999999999.99", 999999999.99)]
)
def test_an_exact_number_is_taken_however_it_is_written(staff, literal, shown):
    body = f'{{"name": "Pine stool", "price": {literal}}}'
    assert staff.post("/api/v1/products", data=body, content_type="application/json").json["price"] == shown


@pytest.mark.parametrize("stock", [2**31, 2**63, 10**20, -1, 1.5, 1e10, True, "1", None, "x"])
def test_a_stock_is_a_whole_number_that_fits(staff, stock):
    assert (
        staff.post("/api/v1/products", {"name": "Pine stool", "price": 1, "stock": stock}).status_code == 400
    )


@pytest.mark.v1
@pytest.mark.parametrize("literal", ["3", "3.0", "0.3e1"])
def test_a_whole_number_is_one_however_json_writes_it(staff, literal):
    body = f'{{"name": "Pine stool", "price": 1, "stock": {literal}}}'
    assert staff.post("/api/v1/products", data=body, content_type="application/json").json["stock"] == 3


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\u0000b", "a\nb", 7, None, ["a"]])
def test_a_name_is_one_line_of_text(staff, name):
    assert staff.post("/api/v1/products", {"name": name, "price": 1}).status_code == 400


@pytest.mark.parametrize(
    "text", ["\uffff", "\u202eshalom", "👩‍👩‍👧‍👦", "e" + "\u0301" * 90, "😀" * 100, "it's; DROP--"]
)
def test_text_comes_back_as_it_was_given(staff, text):
    assert staff.post("/api/v1/products", {"name": text, "price": 1}).json["name"] == text


@pytest.mark.parametrize("member", ["id", "version", "retired_at", "words", "created_at", "color"])
def test_a_new_product_has_only_the_members_that_are_asked_for(staff, member):
    assert staff.post("/api/v1/products", {"name": "Pine stool", "price": 1, member: 1}).status_code == 400


def test_a_form_may_send_text_for_numbers(staff):
    added = staff.post("/api/v1/products", data={"name": "Pine stool", "price": "39.50", "stock": "4"})
    assert (added.status_code, added.json["price"], added.json["stock"]) == (201, 39.5, 4)


def test_a_form_may_have_a_name_that_is_a_number(staff):
    assert staff.post("/api/v1/products", data={"name": "42", "price": "1"}).json["name"] == "42"
