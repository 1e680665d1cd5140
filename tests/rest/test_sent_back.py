"""What the shop gives may be sent back as it is: the documented schema takes it, and so does the shop."""

import pytest
from jsonschema import Draft202012Validator

BACKENDS = ["sqlite"]
FORMS = {"Accept": "application/prs.hal-forms+json"}


@pytest.fixture(params=["v1", "v2"])
def version(request) -> str:
    return request.param


@pytest.fixture
def document(client, version) -> dict:
    return client.get(f"/openapi/{version}.json").json


def find_flaws(document: dict, path: str, method: str, body: dict) -> list[str]:
    version = "v" + document["info"]["version"][0]
    schema = document["paths"][f"/api/{version}{path}"][method]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    validator = Draft202012Validator({**schema, "components": document["components"]})
    return [flaw.message for flaw in validator.iter_errors(body)]


@pytest.mark.parametrize("method", ["put", "patch"])
@pytest.mark.parametrize("accept", [FORMS, {}])
def test_a_product_may_be_sent_back(staff, product, document, version, method, accept):
    product()
    url = f"/api/{version}/products/1"
    seen = staff.get(url, headers=accept).json
    answer = staff.call(method, url, json=seen)
    assert (find_flaws(document, "/products/{id}", method, seen), answer.status_code) == ([], 200)


@pytest.mark.parametrize("method", ["put", "patch"])
@pytest.mark.parametrize("query", ["", "?embed=orders"])
def test_an_account_may_be_sent_back(customer, document, version, method, query):
    url = f"/api/{version}/users/{customer.id}"
    seen = customer.get(url + query, headers=FORMS).json
    answer = customer.call(method, url, json=seen)
    assert (find_flaws(document, "/users/{id}", method, seen), answer.status_code) == ([], 200)


def test_what_is_sent_back_is_stale_after_another_change(staff, product):
    product()
    seen = staff.get("/api/v1/products/1").json
    staff.patch("/api/v1/products/1", {"stock": 1})
    assert staff.put("/api/v1/products/1", seen).status_code == 412


@pytest.mark.parametrize("method", ["put", "patch"])
def test_the_media_type_of_the_version_is_taken(staff, product, version, method):
    product()
    url = f"/api/{version}/products/1"
    kind = f"application/vnd.shop.{version}+json"
    assert staff.call(method, url, json=staff.get(url).json, content_type=kind).status_code == 200


def test_the_media_type_of_another_version_is_refused(client):
    answer = client.post("/api/v1/tokens", data="{}", content_type="application/vnd.shop.v2+json")
    assert answer.status_code == 415
