"""The OpenAPI documents: valid, whole, and true to the routes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from shop.app import create_app
from tests.conftest import settings_for

Found = tuple[str, str, dict[str, Any]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(settings_for(f"sqlite:///{tmp_path_factory.mktemp('shop') / 'shop.db'}"))


def read(shop: Flask, version: str) -> dict[str, Any]:
    return shop.test_client().get(f"/openapi/{version}.json").json


@pytest.fixture(scope="module", params=["v1", "v2"])
def document(request: pytest.FixtureRequest, shop: Flask) -> dict[str, Any]:
    return read(shop, request.param)


def name_version(document: dict[str, Any]) -> str:
    return "v" + document["info"]["version"].removesuffix(".0.0")


def operations(document: dict[str, Any]) -> Iterator[Found]:
    for path, item in document["paths"].items():
        yield from ((path, method, each) for method, each in item.items() if "responses" in each)


def within(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document."""
    if isinstance(node, dict):
        yield node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from within(each)


def resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    for step in node["$ref"].split("/")[1:] if "$ref" in node else ():
        document = document[step]
    return document if "$ref" in node else node


def responses(document: dict[str, Any], statuses: str) -> list[dict[str, Any]]:
    return [
        resolved(document, answer)
        for _, _, operation in operations(document)
        for status, answer in operation["responses"].items()
        if re.fullmatch(statuses, status)
    ]


def test_it_is_valid_openapi(document):
    assert validate(document) is None


def test_every_route_is_documented_and_nothing_else(shop, document):
    base = f"/api/{name_version(document)}"
    routes = {
        (re.sub("<id:(.*?)>", r"{\1}", rule.rule).rstrip("/"), method.lower())
        for rule in shop.url_map.iter_rules()
        if f"{rule.rule}/".startswith(f"{base}/")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, method, _ in operations(document)} == routes


def test_every_example_has_the_shape_that_it_is_an_example_of(document):
    schemas = [each for each in within(document) if isinstance(each.get("examples"), list)]
    flaws = [
        flaw
        for schema in schemas
        for example in schema["examples"]
        for flaw in Draft202012Validator({**schema, "components": document["components"]}).iter_errors(
            example
        )
    ]
    assert (flaws, len(schemas) > 10) == ([], True)


def test_every_member_that_a_client_writes_has_a_description_or_an_example(document):
    written = {
        body["schema"]["$ref"].rpartition("/")[2]
        for _, _, operation in operations(document)
        for body in operation.get("requestBody", {"content": {}})["content"].values()
    }
    members = [
        (shape, name)
        for shape in written
        for name, schema in document["components"]["schemas"][shape]["properties"].items()
        if not schema.keys() & {"description", "examples"}
    ]
    assert members == []


def test_no_input_takes_members_that_it_does_not_name(document):
    bodies = [
        resolved(document, body["schema"])["additionalProperties"]
        for _, _, operation in operations(document)
        for body in operation.get("requestBody", {"content": {}})["content"].values()
    ]
    assert not any(bodies)


@pytest.mark.parametrize("word", ["summary", "description", "operationId", "tags", "security"])
def test_every_operation_says_what_it_is(document, word):
    assert [
        (path, method) for path, method, operation in operations(document) if not operation.get(word)
    ] == []


def test_every_operation_has_a_name_of_its_own(document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))


def test_every_tag_is_explained(document):
    used = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    assert used == {tag["name"] for tag in document["tags"] if tag["description"]}


def test_every_component_is_used(document):
    used = {each["$ref"] for each in within(document) if "$ref" in each}
    named = {
        f"#/components/{kind}/{name}"
        for kind, parts in document["components"].items()
        for name in parts
        if kind != "securitySchemes"
    }
    assert named == used


def test_every_problem_is_problem_json(document):
    types = {media for answer in responses(document, "[45]..") for media in answer["content"]}
    assert types == {"application/problem+json"}


def test_every_answer_with_a_body_comes_in_the_types_that_may_be_asked_for(document):
    vendor = f"application/vnd.shop.{name_version(document)}+json"
    types = {tuple(answer["content"]) for answer in responses(document, "20[01]")}
    forms = "application/prs.hal-forms+json"
    documents = ("application/hal+json", forms, "application/json", vendor)
    assert types == {documents, (*documents, "text/event-stream")}


def test_streams_are_documented_where_they_are(document):
    streamed = {
        path.partition("/v")[2][2:]
        for path, item in document["paths"].items()
        if "text/event-stream" in item.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
    }
    assert streamed == {"changes", "orders", "orders/{id}"}


@pytest.mark.parametrize(
    ("status", "header"), [("201", "Location"), ("401", "WWW-Authenticate"), ("429|503", "Retry-After")]
)
def test_a_status_comes_with_its_header(document, status, header):
    assert all(header in answer["headers"] for answer in responses(document, status))


def test_every_answer_tells_of_the_rate_limit(document):
    assert all(
        {"RateLimit", "RateLimit-Policy"} <= set(each["headers"]) for each in responses(document, "...")
    )


def test_who_need_not_log_in_may(document):
    open_ = {
        operation["operationId"] for _, _, operation in operations(document) if {} in operation["security"]
    }
    assert open_ == {
        "changes_browse", "home_home", "products_browse", "products_get", "users_register", "tokens_login", "tokens_refresh",
    }  # fmt: skip


def test_where_a_version_must_be_named_the_document_says_so(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    document = read(create_app(settings_for(url, require_if_match="on")), "v1")
    assert responses(document, "428")


def test_where_no_version_need_be_named_the_document_does_not_say_so(document):
    assert not responses(document, "428")


def plain(node: Any) -> Any:
    """A document without its money and its version."""
    if isinstance(node, list):
        return [plain(each) for each in node]
    if isinstance(node, dict):
        is_number = node.get("maximum") in (999_999_999.99, 9_999_999_999_999.99)
        if is_number or node.get("required") == ["amount", "currency"]:
            return "money"
        return {plain(key): plain(value) for key, value in node.items() if key != "example"}
    return re.sub(r"\bv[12]\b|^[12]\.0\.0$", "", node) if isinstance(node, str) else node


def test_the_versions_differ_in_money_and_in_nothing_else(shop):
    assert plain(read(shop, "v1")) == plain(read(shop, "v2"))


@pytest.mark.parametrize(("version", "kind"), [("v1", "number"), ("v2", "object")])
def test_the_versions_do_differ_in_money(shop, version, kind):
    schemas = read(shop, version)["components"]["schemas"]
    assert {schemas[shape]["properties"]["price"]["type"] for shape in ("Product", "NewProduct")} == {kind}


def test_a_currency_without_decimals_has_whole_prices(tmp_path: Path):
    app = create_app(settings_for(f"sqlite:///{tmp_path / 'shop.db'}", currency="JPY"))
    assert json.dumps(read(app, "v1")).count('"multipleOf"') == 0


def test_no_partial_body_has_a_default(document):
    """A generated client fills defaults in, and would set what its user did not name."""
    bodies = [operation["requestBody"] for _, method, operation in operations(document) if method == "patch"]
    shapes = [each["schema"] for body in bodies for each in body["content"].values()]
    partial = [schema for name, schema in document["components"]["schemas"].items() if "InPart" in name]
    nodes = [node for each in (*shapes, *partial) for node in within(resolved(document, each))]
    assert (len(shapes) >= 2, [node for node in nodes if "default" in node]) == (True, [])


def test_every_default_is_what_happens_without_the_member(shop, document):
    """Only what creates or replaces a whole thing has members with a default, and only what reads has such parameters."""
    for _, method, operation in operations(document):
        assert method == "get" or not [
            each
            for each in operation.get("parameters", ())
            if "default" in resolved(document, each)["schema"]
        ]
    named = {
        name
        for name, each in document["components"]["schemas"].items()
        if any("default" in node for node in within(each.get("properties", {})))
    }
    assert named == {"NewProduct", "NewProductInFull"}


def request_schema(document: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    (media,) = document["paths"][path][method]["requestBody"]["content"].values()
    return {**resolved(document, media["schema"]), "components": document["components"]}


def find_flaws(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    validator = Draft202012Validator({**schema, "components": document["components"]})
    return [flaw.message for flaw in validator.iter_errors(value)]


def list_media_types(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        media
        for _, _, operation in operations(document)
        for holder in (operation.get("requestBody", {}), *operation["responses"].values())
        for media in resolved(document, holder).get("content", {}).values()
    ]


def list_parameters(document: dict[str, Any]) -> list[dict[str, Any]]:
    own = [each for item in document["paths"].values() for each in item.get("parameters", ())]
    return own + [
        resolved(document, each)
        for _, _, operation in operations(document)
        for each in operation.get("parameters", ())
    ]


def test_every_media_type_has_an_example_that_is_valid(document):
    media_types = list_media_types(document)
    flaws = [flaw for each in media_types for flaw in find_flaws(document, each["schema"], each["example"])]
    assert (flaws, len(media_types) > 100) == ([], True)


def test_every_parameter_of_a_url_has_an_example_that_is_valid(document):
    parameters = [
        each for each in list_parameters(document) if each["in"] != "header" and each["name"] != "_etag"
    ]
    flaws = [flaw for each in parameters for flaw in find_flaws(document, each["schema"], each["example"])]
    assert (flaws, len(parameters) > 20) == ([], True)


def test_no_header_has_an_example(document):
    """Swagger UI would send it with every request, and keys and tags that are not meant are refused."""
    assert [
        each["name"] for each in list_parameters(document) if each["in"] == "header" and "example" in each
    ] == []


def test_every_parameter_has_a_description(document):
    assert [each["name"] for each in list_parameters(document) if not each.get("description")] == []


def test_every_text_has_a_believable_example(document):
    """A member without its own example would get its name."""
    examples = [node for each in list_media_types(document) for node in within(each["example"])]
    assert [name for node in examples for name, value in node.items() if value in (name, "text")] == []


def test_one_media_type_is_documented_for_bodies(document):
    types = {
        (*operation["requestBody"]["content"],)
        for _, _, operation in operations(document)
        if "requestBody" in operation
    }
    assert types == {("application/json",)}


@pytest.mark.parametrize(
    ("path", "method", "names"),
    [
        ("/products", "get", {"If-None-Match", "traceparent"}),
        ("/products", "post", {"Idempotency-Key", "Prefer", "traceparent"}),
        ("/products/{id}", "patch", {"If-Match", "Prefer", "traceparent"}),
        ("/products/{id}", "delete", {"If-Match", "traceparent"}),
        ("/products/{id}/restock", "post", {"If-Match", "Idempotency-Key", "Prefer", "traceparent"}),
        ("/tokens", "post", {"traceparent"}),
        ("/changes", "get", {"If-None-Match", "Last-Event-ID", "Prefer", "traceparent"}),
    ],
)
def test_headers_are_declared_where_they_count(document, path, method, names):
    operation = document["paths"][f"/api/{name_version(document)}{path}"][method]
    parameters = [resolved(document, each) for each in operation["parameters"]]
    assert {each["name"] for each in parameters if each["in"] == "header"} == names


@pytest.mark.parametrize(
    ("path", "method", "names"),
    [
        ("/products", "post", {"_idempotency_key"}),
        ("/products/{id}", "put", {"_etag", "_links", "_templates", "_embedded"}),
        ("/products/{id}", "patch", {"_etag", "_links", "_templates", "_embedded"}),
        ("/users/{id}", "patch", {"_etag", "_links", "_templates", "_embedded"}),
        ("/orders/{id}/pay", "post", {"_etag", "_idempotency_key"}),
        ("/tokens", "post", {"_return"}),
        ("/tokens/refresh", "post", set()),
    ],
)
def test_hidden_members_are_declared_where_they_count(document, path, method, names):
    schema = request_schema(document, f"/api/{name_version(document)}{path}", method)
    assert {name for name in schema["properties"] if name.startswith("_")} == names


def test_money_takes_every_price_that_a_binary_float_can_only_come_near(shop):
    schema = request_schema(read(shop, "v1"), "/api/v1/products", "post")
    price = Draft202012Validator(schema["properties"]["price"])
    assert [cents for cents in range(20_000) if not price.is_valid(cents / 100)] == []


def test_every_integer_has_a_width_and_every_list_a_bound(document):
    nodes = [*within(document["paths"]), *within(document["components"])]
    typed = [node for node in nodes if node.get("type") in ("integer", "array")]
    lacking = [node for node in typed if "format" not in node and "maxItems" not in node]
    assert (lacking, len(typed) > 50) == ([], True)


def test_answers_stay_open_for_new_members(document):
    shapes = {
        media["schema"]["$ref"]
        for answer in responses(document, "2..")
        for name, media in answer.get("content", {}).items()
        if name != "text/event-stream"
    }
    closed = [
        each
        for ref in shapes
        for each in within(resolved(document, {"$ref": ref}))
        if each.get("additionalProperties") is False
    ]
    assert (closed, len(shapes) > 5) == ([], True)


def test_no_list_of_words_is_longer_than_people_read(document):
    assert max(len(node["enum"]) for node in within(document) if isinstance(node.get("enum"), list)) < 20


def test_the_document_has_a_version_and_somebody_to_ask(document):
    assert re.fullmatch(r"[12]\.0\.0", document["info"]["version"])
    assert document["info"]["contact"] == {"name": "The people who run this shop", "url": "http://localhost/"}


def test_a_problem_is_described_by_the_first_type_of_its_status(document):
    conflict = document["components"]["responses"]["Problem409"]
    example = conflict["content"]["application/problem+json"]["example"]
    assert conflict["description"] == example["title"] == "This cannot be done now"
    assert example["type"] == "http://localhost/profile#conflict"
