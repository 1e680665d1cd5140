"""One OpenAPI document per version, made from the input schemas, the representations and the routes."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from flask_smorest import Api as SmorestApi
from marshmallow import fields

from shop.hypermedia.input import Id
from shop.hypermedia.openapi_examples import ExampleWriter
from shop.hypermedia.openapi_operations import complete_operation
from shop.hypermedia.openapi_parts import (
    COMMON_SCHEMAS,
    HEADERS,
    PARAMETERS,
    build_parameter,
    build_problem_schema,
)
from shop.hypermedia.profile import collect_members
from shop.hypermedia.queries import list_embeds
from shop.hypermedia.representations import CollectionRepresentation
from shop.hypermedia.serializers import Price, Time
from shop.hypermedia.service import Service
from shop.hypermedia.settings import ServiceSettings
from shop.hypermedia.versions import Version, build_number_schema
from shop.model.fields import InputSchema, Money, MoneyBound
from shop.model.money import MAX_MONEY
from shop.storage.pagination import MAX_PER_PAGE

INTRODUCTION = """\
Follow the links: every answer says what may be done next, and offers nothing that would be refused.
Members that begin with an underscore are never data; whatever body has them, they may be sent back.
Bodies are also taken as application/hal+json, application/prs.hal-forms+json, the media type of the version
and, where they hold no list, application/x-www-form-urlencoded; for PATCH, as application/merge-patch+json.
Amounts of money are exact: more decimals than the currency has are refused, and nothing is rounded.
Answers are compressed with gzip for clients that accept it."""
PLACEHOLDER = "https://root.invalid"  # of the root of a request
INT32 = 2**31 - 1


class Api(SmorestApi):
    """Smorest's Api without its own errors: problems.py answers for all of them."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    writer: "SchemaWriter"

    def __init__(
        self, app: Flask, version: Version, service: Service, settings: ServiceSettings, **options: Any
    ) -> None:
        self.version, self.service, self.settings = version, service, settings
        super().__init__(app, config_prefix=version.name, **options)

    def _register_error_handlers(self) -> None: ...

    def _register_responses(self) -> None: ...

    def _register_pagination_header(self) -> None: ...


def name_schema(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    name = kind.__name__.removesuffix("Representation")
    return name + ("InPart" if getattr(schema, "partial", None) else "")


class SchemaWriter:
    """Writes our own fields in the terms of JSON Schema, for one version."""

    def __init__(self, version: Version, settings: ServiceSettings, plugin: MarshmallowPlugin) -> None:
        self.version, self.currency, self.plugin = version, settings.currency, plugin

    def describe_field(self, field: Any, ret: dict[str, Any]) -> dict[str, Any]:
        """Return what apispec does not know of a field."""
        if getattr(field.parent, "partial", None):
            ret.pop("default", None)  # what a partial body leaves out stays as it is
        if isinstance(field, Money | Price):
            described = {word: ret[word] for word in ("description", "examples") if word in ret}
            ret.clear()
            return {**self.describe_money(field), **described}
        if isinstance(field, fields.Constant):
            ret.clear()
            return {"type": "string", "const": field.constant}
        if isinstance(field.parent, CollectionRepresentation) and field.name == "_embedded":
            return self.describe_items(field.parent)
        return describe_integer(ret) if isinstance(field, fields.Integer) else {}

    def describe_money(self, field: fields.Field) -> dict[str, Any]:
        is_number = isinstance(field, MoneyBound)
        build_schema = build_number_schema if is_number else self.version.build_money_schema
        schema = build_schema(self.currency, getattr(field, "maximum", MAX_MONEY))
        if isinstance(field, Price):
            schema.pop("additionalProperties", None)  # answers stay open for new members
        return schema

    def describe_items(self, collection: CollectionRepresentation) -> dict[str, Any]:
        resource = collection.resource
        item = resource.representation(partial="fields" in collection.names or None)
        reference = self.plugin.converter.resolve_nested_schema(item)
        items = {"type": "array", "maxItems": MAX_PER_PAGE, "items": reference}
        return {"type": "object", "required": ["item"], "properties": {"item": items}}


def describe_integer(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the format that tells generators how wide an integer is."""
    return {"format": "int32" if schema.get("maximum", INT32 + 1) <= INT32 else "int64"}


def build_api(app: Flask, version: Version, service: Service, settings: ServiceSettings) -> Api:
    """Return the smorest Api of one version."""
    plugin = MarshmallowPlugin(schema_name_resolver=name_schema)
    info = {
        "description": INTRODUCTION,
        "license": {"name": "MIT", "identifier": "MIT"},
        "contact": {"name": f"The people who run this {service.slug}", "url": f"{PLACEHOLDER}/"},
    }
    number = f"{version.name.removeprefix('v')}.0.0"
    spec = {"title": service.name, "version": number, "openapi_version": "3.1.0", "info": info}
    api = Api(app, version, service, settings, spec_kwargs={**spec, "marshmallow_plugin": plugin})
    writer = api.writer = SchemaWriter(version, settings, plugin)
    plugin.converter.add_attribute_function(lambda _, field, ret: writer.describe_field(field, ret))
    api.register_field(Price, None, None)
    api.register_field(Money, None, None)
    api.register_field(Time, "string", "date-time")
    api.register_converter(
        Id, lambda _: {"type": "integer", "format": "int64", "minimum": 1, "maximum": 10**18 - 1}
    )
    for kind, schema in {**COMMON_SCHEMAS, "Problem": build_problem_schema(service)}.items():
        api.spec.components.schema(kind, schema)
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    return api


@cache
def write_document(api: Api) -> str:
    """Return the document as JSON, with a placeholder for the root of the URLs."""
    return orjson.dumps(build_document(api)).decode()


def build_document(api: Api) -> dict[str, Any]:
    """Return the document, completed with what holds for every operation."""
    spec, prefix = api.spec.to_dict(), f"{api.version.name}_"
    parts = spec["components"] = {**spec["components"], "headers": HEADERS, "responses": {}}
    parts["parameters"] = {name: build_parameter(name) for name in PARAMETERS}
    texts = {name: each.metadata["description"] for name, each in collect_members(api.service).items()}
    inputs = find_inputs(api.writer.plugin)
    for kind in parts["schemas"].keys() - {*COMMON_SCHEMAS, "Problem"}:
        complete_schema(kind, parts["schemas"][kind], texts, is_input=kind in inputs)
    for resource in api.service.resources:
        if not list_embeds(api.service, resource):
            for kind in parts["schemas"].keys() & {resource.kind.__name__, f"{resource.kind.__name__}InPart"}:
                del parts["schemas"][kind]["properties"]["_embedded"]
    spec["tags"] = [{**tag, "name": tag["name"].removeprefix(prefix)} for tag in spec["tags"]]
    spec["paths"] = {path.rstrip("/"): operations for path, operations in spec["paths"].items()}
    operations = [*list_operations(spec)]
    for path, method, operation in operations:
        operation["tags"] = [tag.removeprefix(prefix) for tag in operation["tags"]]
        complete_operation(operation, method, "{id}" in path, api, parts)
    drop_unused_schemas(spec)
    examples = ExampleWriter(parts, PLACEHOLDER)
    for path, _, operation in operations:
        examples.complete_operation(path, operation)
    examples.complete_problems({each.title: code for code, each in api.service.problem_types.items()})
    return {**spec, "servers": [{"url": PLACEHOLDER}]}


def drop_unused_schemas(spec: dict[str, Any]) -> None:
    """Drop the inputs that are used in full and in part, but never as they are."""
    text = orjson.dumps(spec).decode()
    for name in [*spec["components"]["schemas"]]:
        if f'/schemas/{name}"' not in text:
            del spec["components"]["schemas"][name]


def find_inputs(plugin: MarshmallowPlugin) -> set[str]:
    """Return the names of the schemas of input."""
    return {name for key, name in plugin.converter.refs.items() if issubclass(key[0], InputSchema)}


def list_operations(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in spec["paths"].items():
        for parameter in operations.get("parameters", ()):
            parameter |= {"description": "Its number; links have it.", "example": 7}
        for method in ("get", "put", "post", "patch", "delete"):
            if method in operations:
                yield path, method, operations[method]


def complete_schema(kind: str, schema: dict[str, Any], texts: dict[str, str], *, is_input: bool) -> None:
    """Say which members an answer always has: all of them, unless `fields` chose or they are optional.

    Members of an input are described like those of the entities. Answers stay open for new members.
    """
    members = schema.get("properties", {})
    always = [name for name, member in members.items() if not member.get("x-optional")]
    if not is_input:
        schema.pop("additionalProperties", None)
    if "_links" in members:
        schema["required"] = sorted(("_etag", "_links") if kind.endswith("InPart") else always)
    for name, member in members.items():
        if name in texts and name[0] != "_" and "const" not in member:
            member.setdefault("description", texts[name])
        for word in ("x-optional", "x-title", "x-means", "x-own", "x-input"):
            member.pop(word, None)
