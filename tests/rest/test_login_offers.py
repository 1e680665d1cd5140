"""A stranger who could buy after logging in is offered the login, and comes back to the product."""

import pytest

from tests.conftest import PASSWORD

BACKENDS = ["sqlite", "v2"]
FORMS = {"Accept": "application/prs.hal-forms+json"}


@pytest.fixture
def lamp(product) -> str:
    return f"/api/v1/products/{product('Brass lamp')}"


def fill_form(document: dict, name: str, **values: str) -> tuple[str, dict]:
    form = document["_templates"][name]
    known = {each["name"]: each["value"] for each in form["properties"] if "value" in each}
    return form["target"], {**known, **values}


def test_a_stranger_is_offered_the_login_at_a_product(anonymous, lamp):
    shown = anonymous.get(lamp, headers=FORMS).json
    assert ("login" in shown["_links"], "login" in shown["_templates"]) == (True, True)


def test_a_stranger_is_not_offered_the_login_where_nothing_can_be_bought(anonymous, staff, lamp):
    staff.patch(lamp, {"stock": 0})
    shown = anonymous.get(lamp, headers=FORMS).json
    assert ("login" in shown["_links"], "login" in shown["_templates"]) == (False, False)


@pytest.mark.parametrize("who", ["customer", "staff"])
def test_those_who_are_logged_in_are_not_offered_it(request, lamp, who):
    assert "login" not in request.getfixturevalue(who).get(lamp).json["_links"]


def test_the_login_leads_back_to_the_product(anonymous, customer, lamp):
    shown = anonymous.get(lamp, headers=FORMS).json
    target, values = fill_form(shown, "login", username=customer.username, password=PASSWORD)
    answer = anonymous.post(target, values).json
    assert answer["_links"]["return"]["href"] == shown["_links"]["self"]["href"]


def test_the_form_of_the_home_leads_to_the_account_alone(anonymous, customer):
    target, values = fill_form(
        anonymous.get("/", headers=FORMS).json, "login", username=customer.username, password=PASSWORD
    )
    assert "return" not in anonymous.post(target, values).json["_links"]


@pytest.mark.parametrize(
    "place",
    ["https://evil.example/api/v1/products/1", "/api/v1/products/1", "javascript:alert(1)", "//evil.example", 7, None, [],
     "http://localhost.evil.example/api/v1/", "http://localhost/api/v1/ x", "http://localhost/api/v1/\n", "http://localhost/" + "x" * 2000],
)  # fmt: skip
def test_no_login_leads_out_of_the_api(anonymous, customer, place):
    credentials = {"username": customer.username, "password": PASSWORD, "_return": place}
    assert "return" not in anonymous.post("/api/v1/tokens", credentials).json["_links"]
