"""A cursor belongs to its query: with other filters it is an error."""

import pytest

PRODUCTS = "/api/v1/products"


@pytest.fixture
def second_page(anonymous, product):
    for number in range(5):
        product(f"Desk {number}", price=100 * number)
    return anonymous.get(f"{PRODUCTS}?per_page=2&q=desk").json["_links"]["next"]["href"]


def test_a_link_to_another_page_works(anonymous, second_page):
    assert [item["name"] for item in anonymous.get(second_page).json["_embedded"]["item"]] == [
        "Desk 2",
        "Desk 3",
    ]


@pytest.mark.parametrize("other", ["q=lamp", "q=desk&max_price=2", "in_stock=true", ""])
def test_a_cursor_of_another_search_is_not_found(anonymous, second_page, other):
    cursor = second_page.partition("page=")[2].partition("&")[0]
    cursor = next(part for part in second_page.split("?")[1].split("&") if part.startswith("page="))
    answer = anonymous.get(f"{PRODUCTS}?per_page=2&{cursor}&{other}".rstrip("&"))
    assert (answer.status_code, "first page" in answer.json["detail"]) == (404, True)


def test_another_size_of_pages_is_the_same_search(anonymous, second_page):
    assert anonymous.get(second_page.replace("per_page=2", "per_page=1")).status_code == 200


def test_other_members_are_the_same_search(anonymous, second_page):
    assert anonymous.get(f"{second_page}&fields=name").status_code == 200


def test_a_cursor_of_another_list_is_not_found(staff, customer, product):
    product()
    for _ in range(3):
        customer.post("/api/v1/orders", {"items": [{"product_id": 1, "quantity": 1}]})
    cursor = next(part for part in staff.get("/api/v1/orders?per_page=1").json["_links"]["next"]["href"].split("?")[1].split("&")
                  if part.startswith("page="))  # fmt: skip
    assert staff.get(f"/api/v1/orders?per_page=1&status=placed&{cursor}").status_code == 404


def test_a_list_of_members_may_be_repeated_and_the_links_keep_it(anonymous, product):
    product("Walnut desk"), product("Brass lamp")
    page = anonymous.get("/api/v1/products?fields=name&fields=price&per_page=1").json
    for each in (page, anonymous.get(page["_links"]["next"]["href"]).json):
        assert set(each["_embedded"]["item"][0]) == {"name", "price", "_etag", "_links"}


class TestOneProduct:
    def test_has_the_members_that_were_asked_for(self, anonymous, desk):
        assert set(anonymous.get(f"{desk}?fields=name,price").json) == {"name", "price", "_etag", "_links"}

    @pytest.mark.parametrize("query", ["fields=colour", "fields=", "page=1", "fields=name&fields=colour"])
    def test_takes_no_other_parameters(self, anonymous, desk, query):
        assert anonymous.get(f"{desk}?{query}").status_code == 400

    def test_takes_a_list_in_either_form(self, anonymous, desk):
        joined, repeated = (
            anonymous.get(f"{desk}?{query}").json
            for query in ("fields=name,price", "fields=name&fields=price")
        )
        assert joined == repeated

    def test_is_remembered_for_each_choice(self, anonymous, desk):
        answers = [
            anonymous.get(f"{desk}?fields={name}").json.get("name") for name in ("name", "price", "name")
        ]
        assert answers == ["Walnut desk", None, "Walnut desk"]


def test_one_order_takes_no_other_parameters(customer, desk):
    place = customer.post("/api/v1/orders", {"items": [{"product_id": 1, "quantity": 1}]}).headers["Location"]
    assert customer.get(f"{place}?page=1").status_code == 400
