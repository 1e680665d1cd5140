"""One OpenAPI document per version, made from the input schemas, the representations and the routes."""

from functools import cache
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from flask_smorest import Api as SmorestApi
from marshmallow import fields, validate

from shop.hypermedia.input import Id
from shop.hypermedia.openapi_operations import (
    COMMON_SCHEMAS,
    HEADERS,
    build_problem_schema,
    build_reference,
    complete_operation,
)
from shop.hypermedia.profile import collect_members
from shop.hypermedia.representations import CollectionRepresentation
from shop.hypermedia.serializers import Price, Time
from shop.hypermedia.service import Service
from shop.hypermedia.settings import ServiceSettings
from shop.hypermedia.versions import Version, build_number_schema
from shop.model.fields import Money, MoneyBound

INTRODUCTION = """\
Follow the links: every answer says what may be done next, and offers nothing that would be refused.
Members that begin with an underscore are never data; whatever body has them, they may be sent back."""


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
        self.word_lists: dict[str, list[str]] = {}  # that a field refuses

    def describe_field(self, field: Any, ret: dict[str, Any]) -> dict[str, Any]:
        """Return what apispec does not know of a field."""
        if getattr(field.parent, "partial", None):
            ret.pop("default", None)  # what a partial body leaves out stays as it is
        if isinstance(field, Money | Price):
            described = {word: ret[word] for word in ("description",) if word in ret}
            ret.clear()
            return {**self.describe_money(field), **described}
        if isinstance(field, fields.Constant):
            ret.clear()
            return {"type": "string", "const": field.constant}
        if isinstance(field.parent, CollectionRepresentation) and field.name == "_embedded":
            return self.describe_items(field.parent)
        return self.describe_refused_words(field)

    def describe_money(self, field: fields.Field) -> dict[str, Any]:
        is_number = isinstance(field, MoneyBound)
        schema = (build_number_schema if is_number else self.version.build_money_schema)(self.currency)
        omitted = {MoneyBound: "examples", Price: "multipleOf"}.get(type(field))
        return {word: value for word, value in schema.items() if word != omitted}

    def describe_items(self, collection: CollectionRepresentation) -> dict[str, Any]:
        resource = collection.resource
        item = resource.representation(partial="fields" in collection.names or None)
        items = {"type": "array", "items": self.plugin.converter.resolve_nested_schema(item)}
        return {"type": "object", "required": ["item"], "properties": {"item": items}}

    def describe_refused_words(self, field: fields.Field) -> dict[str, Any]:
        for rule in field.validators:
            if isinstance(rule, validate.NoneOf):
                self.word_lists[type(rule).__name__] = sorted(rule.iterable)
                return {"not": build_reference("schemas", type(rule).__name__)}
        return {}


def build_api(app: Flask, version: Version, service: Service, settings: ServiceSettings) -> Api:
    """Return the smorest Api of one version."""
    plugin = MarshmallowPlugin(schema_name_resolver=name_schema)
    info = {
        "description": INTRODUCTION,
        "license": {"name": "MIT", "identifier": "MIT"},
        "contact": {"name": f"The people who run this {service.slug}"},
    }
    spec = {"title": service.name, "version": version.name, "openapi_version": "3.1.0", "info": info}
    api = Api(app, version, service, settings, spec_kwargs={**spec, "marshmallow_plugin": plugin})
    writer = api.writer = SchemaWriter(version, settings, plugin)
    plugin.converter.add_attribute_function(lambda _, field, ret: writer.describe_field(field, ret))
    api.register_field(Price, None, None)
    api.register_field(Money, None, None)
    api.register_field(Time, "string", "date-time")
    api.register_converter(Id, lambda _: {"type": "integer", "minimum": 1, "maximum": 10**18 - 1})
    for kind, schema in {**COMMON_SCHEMAS, "Problem": build_problem_schema(service)}.items():
        api.spec.components.schema(kind, schema)
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    return api


@cache
def build_document(api: Api) -> dict[str, Any]:
    """Return the document, completed with what holds for every operation."""
    spec, prefix = api.spec.to_dict(), f"{api.version.name}_"
    parts = spec["components"] = {**spec["components"], "headers": HEADERS, "responses": {}}
    parts["schemas"] |= {
        name: {"type": "string", "enum": list_} for name, list_ in api.writer.word_lists.items()
    }
    texts = {name: each.metadata["description"] for name, each in collect_members(api.service).items()}
    for kind in parts["schemas"].keys() - {*COMMON_SCHEMAS, "Problem"}:
        complete_schema(kind, parts["schemas"][kind], texts)
    for resource in api.service.resources:
        if not api.service.child_lists_of[resource.kind]:
            for kind in parts["schemas"].keys() & {resource.kind.__name__, f"{resource.kind.__name__}InPart"}:
                del parts["schemas"][kind]["properties"]["_embedded"]
    spec["tags"] = [{**tag, "name": tag["name"].removeprefix(prefix)} for tag in spec["tags"]]
    spec["paths"] = {path.rstrip("/"): operations for path, operations in spec["paths"].items()}
    for path, operations in spec["paths"].items():
        for method in operations.keys() & {"get", "put", "post", "patch", "delete"}:
            operation = operations[method]
            operation["tags"] = [tag.removeprefix(prefix) for tag in operation["tags"]]
            complete_operation(operation, method, "{id}" in path, api, parts)
    return spec


def complete_schema(kind: str, schema: dict[str, Any], texts: dict[str, str]) -> None:
    """Say which members an answer always has: all of them, unless `fields` chose or they are optional.

    Members of an input are described like those of the entities.
    """
    members = schema.get("properties", {})
    always = [name for name, member in members.items() if not member.get("x-optional")]
    if "_links" in members:
        schema["required"] = sorted(("_etag", "_links") if kind.endswith("InPart") else always)
    for name, member in members.items():
        if name in texts and name[0] != "_" and "const" not in member:
            member.setdefault("description", texts[name])
        for word in ("x-optional", "x-title", "x-means", "x-own", "x-input"):
            member.pop(word, None)
