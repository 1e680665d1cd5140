"""What an answer holds if the client asks: linked things, and some members of one thing."""

import pytest

BACKENDS = ["sqlite", "v2"]
FORMS = {"Accept": "application/prs.hal-forms+json"}


@pytest.fixture
def order(customer, product) -> str:
    product("Walnut desk"), product("Brass lamp")
    lines = [{"product_id": 1, "quantity": 1}, {"product_id": 2, "quantity": 1}]
    return customer.post("/api/v1/orders", {"items": lines}).headers["Location"]


def embed(person, url: str, query: str) -> dict:
    return person.get(f"{url}?{query}").json["_embedded"]


def test_an_order_holds_its_customer(customer, order):
    assert embed(customer, order, "embed=user")["user"]["username"] == customer.username


def test_an_order_holds_its_products_as_they_are_now(customer, staff, order):
    staff.patch("/api/v1/products/1", {"stock": 77})
    assert embed(customer, order, "embed=product")["product"][0]["stock"] == 77


def test_an_order_does_not_hold_what_is_no_longer_sold(customer, staff, order):
    staff.delete("/api/v1/products/1")
    assert [each["id"] for each in embed(customer, order, "embed=product")["product"]] == [2]


@pytest.mark.parametrize("query", ["embed=user,product", "embed=user&embed=product"])
def test_several_things_are_held_at_once(customer, order, query):
    assert set(embed(customer, order, query)) == {"user", "product"}


def test_what_is_held_is_the_same_as_what_its_link_gives(customer, order):
    held = customer.get(f"{order}?embed=user", headers=FORMS).json
    linked = customer.get(held["_links"]["user"]["href"], headers=FORMS).json
    assert held["_embedded"]["user"] == linked


def test_an_account_that_was_deleted_is_not_held(customer, staff, order):
    customer.delete(f"/api/v1/users/{customer.id}")
    assert staff.get(f"{order}?embed=user").json["_embedded"] == {}


def test_embedding_goes_one_level_deep(customer, order):
    held = embed(customer, f"/api/v1/users/{customer.id}", "embed=orders")["orders"]
    assert "_embedded" not in held["_embedded"]["item"][0]


@pytest.mark.parametrize(
    "query", ["embed=secrets", "embed=", "embed=user,secrets", "embed=orders", "embed=user,user,user"]
)
def test_what_is_not_linked_is_refused(customer, order, query):
    assert customer.get(f"{order}?{query}").status_code == 400


def test_some_members_and_what_is_held_may_be_asked_for_together(customer, order):
    url = f"/api/v1/users/{customer.id}"
    answer = customer.get(f"{url}?fields=username&embed=orders").json
    assert set(answer) == {"username", "_etag", "_links", "_embedded"}
    assert answer["_embedded"]["orders"]["_embedded"]["item"][0]["status"] == "placed"


@pytest.mark.parametrize(
    ("url", "name"),
    [("/api/v1/orders/1", "status"), ("/api/v1/users/1", "role"), ("/api/v1/products/1", "price")],
)
def test_one_thing_has_the_members_that_were_asked_for(customer, order, url, name):
    assert set(customer.get(f"{url}?fields={name}").json) == {name, "_etag", "_links"}


@pytest.mark.parametrize("url", ["/api/v1/orders", "/api/v1/products"])
def test_the_items_of_a_list_have_the_members_that_were_asked_for(customer, order, url):
    item = customer.get(f"{url}?fields=id").json["_embedded"]["item"][0]
    assert set(item) == {"id", "_etag", "_links"}


class TestChangesOfAProduct:
    @pytest.fixture
    def lamp(self, staff, product) -> str:
        product("Walnut desk")
        url = f"/api/v1/products/{product('Brass lamp')}"
        staff.post(f"{url}/restock", {"amount": 1}), staff.post("/api/v1/products/1/restock", {"amount": 1})
        return url

    def test_are_held_oldest_first(self, anonymous, lamp):
        changes = embed(anonymous, lamp, "embed=changes")["changes"]["_embedded"]["item"]
        assert changes[-1]["kind"] == "stocked"
        assert {each["product_id"] for each in changes} == {2}

    def test_are_never_stale(self, anonymous, staff, lamp):
        def count() -> int:
            return len(embed(anonymous, lamp, "embed=changes")["changes"]["_embedded"]["item"])

        before = max(count() for _ in range(3))
        staff.post("/api/v1/products/1/restock", {"amount": 1}), staff.post(f"{lamp}/restock", {"amount": 0})
        staff.post(f"{lamp}/restock", {"amount": 2})
        assert count() > before

    def test_go_on_from_the_page(self, anonymous, staff, lamp):
        feed = embed(anonymous, lamp, "embed=changes")["changes"]
        staff.post("/api/v1/products/1/restock", {"amount": 1}), staff.post(f"{lamp}/restock", {"amount": 5})
        later = anonymous.get(feed["_links"]["next"]["href"]).json
        assert [each["product_id"] for each in later["_embedded"]["item"]] == [2]

    def test_are_linked_from_the_product(self, anonymous, staff, lamp):
        now = anonymous.get(anonymous.get(lamp).json["_links"]["changes"]["href"]).json
        staff.post("/api/v1/products/1/restock", {"amount": 1}), staff.post(f"{lamp}/restock", {"amount": 5})
        later = anonymous.get(now["_links"]["next"]["href"]).json
        assert [each["product_id"] for each in later["_embedded"]["item"]] == [2]

    def test_pass_those_of_others_by(self, anonymous, staff, lamp):
        start = anonymous.get("/api/v1/changes").json["_links"]["next"]["href"]
        for _ in range(3):
            staff.post("/api/v1/products/1/restock", {"amount": 1})
        empty = anonymous.get(f"{start}&product_id=2").json
        assert empty["_embedded"]["item"] == []
        assert empty["_links"]["next"]["href"] != empty["_links"]["self"]["href"]

    def test_come_one_page_at_a_time(self, anonymous, staff, lamp):
        start = anonymous.get("/api/v1/changes").json["_links"]["next"]["href"]
        for _ in range(3):
            (
                staff.post(f"{lamp}/restock", {"amount": 1}),
                staff.post("/api/v1/products/1/restock", {"amount": 1}),
            )
        url, seen = start.replace("limit=100", "limit=1&product_id=2"), []
        for _ in range(5):
            page = anonymous.get(url).json
            seen += [each["stock"] for each in page["_embedded"]["item"]]
            url = page["_links"]["next"]["href"]
        assert seen == [14, 15, 16]
