"""One OpenAPI document per version, made from the shapes, the documents and the routes themselves."""

from functools import cache
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from flask_smorest import Api as SmorestApi
from werkzeug.routing import BaseConverter

from shop.domain.shapes import Money
from shop.doors.rest.hal import Price, Time
from shop.doors.rest.media import HAL, HAL_FORMS, JSON, MERGE, PROBLEM
from shop.doors.rest.versions import V1, Version
from shop.services.products import Bound
from shop.settings import Settings

ABOUT = "Follow the links: every answer says what may be done next, and offers nothing that would be refused."
TEXT, URI = {"type": "string"}, {"type": "string", "format": "uri-reference"}
LINK = {
    "type": "object",
    "required": ["href"],
    "properties": {"href": {"type": "string"}, "templated": {"type": "boolean"}, "title": TEXT},
}
FLAW = {"type": "object", "required": ["detail", "pointer"], "properties": {"detail": TEXT, "pointer": TEXT}}
PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": URI,
        "title": TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": TEXT,
        "instance": URI,
        "request_id": TEXT,
        "errors": {"type": "array", "items": FLAW},
        "_etag": TEXT,
        "_links": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Link"}},
    },
}
ALWAYS = {
    "400": "not valid",
    "406": "not acceptable",
    "429": "too many requests",
    "500": "our fault",
    "503": "come back",
}
GUARDED = {"401": "log in first", "403": "not for you"}
BODY = {"413": "too large", "415": "not a type that is read"}
CHANGE = {"409": "not now", "412": "changed meanwhile", "428": "say which version"}


class Id(BaseConverter):
    """An id as it is written: no sign, no leading zero, no digits of other scripts, and it fits."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)


class Api(SmorestApi):
    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """Errors are answered in problems.py, for every layer alike."""


def name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removesuffix("Document") + ("InPart" if getattr(schema, "partial", None) else "")


def api(app: Flask, version: Version, settings: Settings) -> Api:
    """The smorest Api of one version, taught our fields."""
    made = Api(
        app,
        config_prefix=version.name,
        spec_kwargs={
            "title": "Shop",
            "version": version.name,
            "openapi_version": "3.1.0",
            "marshmallow_plugin": MarshmallowPlugin(schema_name_resolver=name),
            "info": {"description": ABOUT, "license": {"name": "MIT", "identifier": "MIT"}},
        },
    )

    def money(_: Any, field: Any, **__: Any) -> dict[str, Any]:
        if not isinstance(field, Money | Price):
            return {}
        schema = (V1 if isinstance(field, Bound) else version).schema(settings.currency)
        unsaid = {Bound: "examples", Price: "multipleOf"}.get(type(field))
        return {word: value for word, value in schema.items() if word != unsaid}

    made.ma_plugin.converter.add_attribute_function(money)
    made.register_field(Price, None, None)
    made.register_field(Money, None, None)
    made.register_field(Time, "string", "date-time")
    made.register_converter(Id, lambda _: {"type": "integer", "minimum": 1, "maximum": 10**18 - 1})
    made.spec.components.schema("Link", LINK)
    made.spec.components.schema("Problem", PROBLEM_SCHEMA)
    made.spec.components.security_scheme(
        "bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    )
    return made


@cache
def document(made: Api, version: Version) -> dict[str, Any]:
    """The document, completed with what holds for every operation."""
    spec = made.spec.to_dict()
    spec["components"]["responses"] = {"Problem": {"description": "A problem, and the way out", "content": {
        PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}}  # fmt: skip
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            if isinstance(operation, dict) and "responses" in operation:
                complete(path, method, operation, version)
    return spec


def complete(path: str, method: str, operation: dict[str, Any], version: Version) -> None:
    responses = operation["responses"]
    for status, response in list(responses.items()):
        if "content" in response:
            seen = response["content"][JSON]
            responses[status]["content"] = dict.fromkeys((HAL, JSON, version.media), seen)
    if "201" in responses:
        responses["201"]["headers"] = {
            "Location": {"description": "Where it is", "schema": {"type": "string", "format": "uri"}}
        }
    if "requestBody" in operation:
        body = operation["requestBody"]["content"]
        types = [JSON, HAL, HAL_FORMS, *([MERGE] if method == "patch" else [])]
        operation["requestBody"]["content"] = dict.fromkeys(types, body[JSON])
    problems = {
        **ALWAYS,
        **GUARDED,
        **({"404": "no such thing"} if "{id}" in path or method == "get" else {}),
    }
    if method != "get":
        problems |= CHANGE | BODY
    for status in problems:
        responses[status] = {"$ref": "#/components/responses/Problem"}
    operation["responses"] = dict(sorted(responses.items()))
