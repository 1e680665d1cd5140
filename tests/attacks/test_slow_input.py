"""Long runs of spaces, tabs, commas, quotes and line ends are parsed quickly, in every header and field."""

import contextlib
import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest
from marshmallow import Schema, ValidationError, fields, validate

import shop
from shop.model.fields import InputSchema
from tests.timing import measure_seconds

LONG = 30_000  # characters; a server takes 32 KiB of headers
SLOW = 0.1  # seconds
REPEATED = {
    "spaces": " ", "tabs": "\t", "commas": ",", "semicolons": ";", "quotes": '"', "backslashes": '\\"',
    "equals": "a=", "slashes": "a/", "dots": "a.", "letters": "a", "digits": "1", "dashes": "-", "stars": "*,",
    "lists": ' , "',
}  # fmt: skip
ENDS = ["", "x", "\n", '"']
HEADERS = [
    "Accept", "Accept-Encoding", "Accept-Language", "Access-Control-Request-Headers", "Authorization", "Cache-Control",
    "Content-Type", "Cookie", "Forwarded", "Host", "Idempotency-Key", "If-Match", "If-Modified-Since",
    "If-None-Match", "If-Range", "If-Unmodified-Since", "Origin", "Prefer", "Range", "Traceparent",
    "Transfer-Encoding", "X-Forwarded-For", "X-Forwarded-Host", "X-Request-ID",
]  # fmt: skip
REQUESTS = [
    ("GET", "/"), ("GET", "/api/products"), ("POST", "/api/v1/tokens"), ("DELETE", "/api/v1/products/1"),
    ("OPTIONS", "/api/v1/products"), ("GET", "/static/swagger-ui.css"), ("GET", "/graphql"), ("POST", "/graphql"),
    ("GET", "/profile"), ("GET", "/api/v1/changes"),
]  # fmt: skip
BACKENDS = ["sqlite"]


def build_hostile_texts(length: int = LONG) -> Iterator[str]:
    for run in REPEATED.values():
        for end in ENDS:
            yield "a" + (run * length)[:length] + end


@pytest.mark.parametrize("header", HEADERS)
def test_a_hostile_header_is_answered_at_once(app, header):
    client, slow = app.test_client(), []
    for method, path in REQUESTS:
        for value in build_hostile_texts():
            if "\n" in value:
                continue
            took = measure_seconds(
                lambda: client.open(path, method=method, headers={header: value}, json={}),  # noqa: B023
                SLOW,
            )
            if took > SLOW:
                slow.append((method, path, value[:5], value[-2:], took))
    assert slow == []


@pytest.mark.parametrize("header", ["Accept", "Content-Type", "If-None-Match", "If-Match"])
def test_a_header_that_is_too_long_is_a_431_that_says_which(app, header):
    answer = app.test_client().get("/api/v1/products", headers={header: "a" * 5000})
    assert (answer.status_code, answer.content_type, header in answer.json["detail"]) == (
        431, "application/problem+json", True,
    )  # fmt: skip


def find_patterns() -> dict[str, re.Pattern]:
    found = {}
    modules = [
        each.name for each in pkgutil.walk_packages(shop.__path__, "shop.") if "__main__" not in each.name
    ]
    for module in modules:
        for name, value in vars(importlib.import_module(module)).items():
            if isinstance(value, re.Pattern):
                found[f"{module}.{name}"] = value
    for schema in find_schemas():
        for name, field in schema().fields.items():
            for rule in field.validators:
                if isinstance(rule, validate.Regexp):
                    found[f"{schema.__name__}.{name}"] = rule.regex
    return found


def find_schemas(kind: type[Schema] = InputSchema) -> Iterator[type[Schema]]:
    for subclass in kind.__subclasses__():
        yield from (subclass, *find_schemas(subclass))


@pytest.mark.parametrize("name", sorted(find_patterns()))
def test_no_pattern_backtracks(name):
    pattern, slow = find_patterns()[name], []
    for text in build_hostile_texts():
        given = text.encode() if isinstance(pattern.pattern, bytes) else text
        for act in (pattern.fullmatch, pattern.match):
            if (took := measure_seconds(lambda: act(given), SLOW)) > SLOW:  # noqa: B023
                slow.append((act.__name__, text[:5], text[-2:], took))
    assert slow == []


@pytest.mark.parametrize(
    "schema", sorted({*find_schemas()}, key=lambda each: each.__name__), ids=lambda each: each.__name__
)
def test_no_text_of_input_is_slow_to_refuse(schema):
    slow = []
    for name, field in schema().fields.items():
        if not isinstance(field, fields.String):
            continue
        for text in (*build_hostile_texts(64_000), "\u0301\u0316" * 32_000):
            if (took := measure_seconds(lambda: load_text(schema, name, text), SLOW)) > SLOW:  # noqa: B023
                slow.append((name, text[:5], text[-2:], took))
    assert slow == []


def load_text(schema: type[Schema], name: str, text: str) -> None:
    with contextlib.suppress(ValidationError):
        schema(partial=True).load({name: text})


@pytest.mark.parametrize("member", ["username", "password"])
def test_a_login_with_hostile_words_is_answered_at_once(app, member):
    body = {"username": "ada", "password": "x", member: "\u0301\u0316" * 150_000}
    assert measure_seconds(lambda: app.test_client().post("/api/v1/tokens", json=body), 1) < 1
