"""One OpenAPI document per version, made from the shapes, the documents and the routes themselves."""

from functools import cache
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from flask_smorest import Api as SmorestApi
from marshmallow import fields
from werkzeug.routing import BaseConverter

from shop.domain.user import COMMON_PASSWORDS, Password
from shop.doors.rest.openapi_operations import COMMON_SCHEMAS, HEADERS, build_reference, complete_operation
from shop.doors.rest.representations import CollectionRepresentation
from shop.doors.rest.serializers import Price, Time
from shop.doors.rest.versions import V1, Version
from shop.doors.rest.vocabulary import MEMBERS, PAGE_MEMBERS
from shop.model.fields import Money
from shop.services.products import PriceBound
from shop.settings import Settings

INTRODUCTION = """\
Follow the links: every answer says what may be done next, and offers nothing that would be refused.
Members that begin with an underscore are never data; whatever body has them, they may be sent back."""


class Id(BaseConverter):
    """An id as it is written: no sign, no leading zero, no digits of other scripts, and it fits."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)


class Api(SmorestApi):
    """Smorest's Api without its own words for errors: problems.py answers, for every layer alike."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask, version: Version, settings: Settings, **options: Any) -> None:
        self.version, self.settings = version, settings
        super().__init__(app, config_prefix=version.name, **options)

    def _register_error_handlers(self) -> None: ...

    def _register_responses(self) -> None: ...

    def _register_pagination_header(self) -> None: ...


def name_schema(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removesuffix("Document") + ("InPart" if getattr(schema, "partial", None) else "")


def build_api(app: Flask, version: Version, settings: Settings) -> Api:
    """The smorest Api of one version, taught our fields."""
    plugin = MarshmallowPlugin(schema_name_resolver=name_schema)
    info = {
        "description": INTRODUCTION,
        "license": {"name": "MIT", "identifier": "MIT"},
        "contact": {"name": "The people who run this shop"},
    }
    made = Api(
        app, version, settings,
        spec_kwargs={"title": "Shop", "version": version.name, "openapi_version": "3.1.0", "info": info,
                     "marshmallow_plugin": plugin},
    )  # fmt: skip

    def known(_: Any, field: Any, ret: dict[str, Any]) -> dict[str, Any]:
        if getattr(field.parent, "partial", None):
            ret.pop("default", None)  # what a partial body leaves out stays as it is
        if isinstance(field, Money | Price):
            ret.clear()
            schema = (V1 if isinstance(field, PriceBound) else version).schema(settings.currency)
            unsaid = {PriceBound: "examples", Price: "multipleOf"}.get(type(field))
            return {word: value for word, value in schema.items() if word != unsaid}
        if isinstance(field, Password):
            return {"not": build_reference("schemas", "CommonPassword")}
        if isinstance(field, fields.Constant):
            ret.clear()
            return {"type": "string", "const": field.constant}
        if isinstance(field.parent, CollectionRepresentation) and field.name == "_embedded":
            item = field.parent.document(partial="fields" in field.parent.search().fields or None)
            items = {"type": "array", "items": plugin.converter.resolve_nested_schema(item)}
            return {"type": "object", "required": ["item"], "properties": {"item": items}}
        return {}

    plugin.converter.add_attribute_function(known)
    made.register_field(Price, None, None)
    made.register_field(Money, None, None)
    made.register_field(Time, "string", "date-time")
    made.register_converter(Id, lambda _: {"type": "integer", "minimum": 1, "maximum": 10**18 - 1})
    common = {"CommonPassword": {"type": "string", "enum": sorted(COMMON_PASSWORDS)}}
    for kind, schema in {**COMMON_SCHEMAS, **common}.items():
        made.spec.components.schema(kind, schema)
    made.spec.components.security_scheme(
        "bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    )
    return made


@cache
def build_document(made: Api) -> dict[str, Any]:
    """The document, completed with what holds for every operation."""
    spec, prefix = made.spec.to_dict(), f"{made.version.name}_"
    parts = spec["components"] = {**spec["components"], "headers": HEADERS, "responses": {}}
    for kind, schema in parts["schemas"].items():
        if kind not in COMMON_SCHEMAS:
            describe_schema(kind, schema)
    spec["tags"] = [{**tag, "name": tag["name"].removeprefix(prefix)} for tag in spec["tags"]]
    spec["paths"] = {path.rstrip("/"): operations for path, operations in spec["paths"].items()}
    for path, operations in spec["paths"].items():
        for method in operations.keys() & {"get", "put", "post", "patch", "delete"}:
            operation = operations[method]
            operation["tags"] = [tag.removeprefix(prefix) for tag in operation["tags"]]
            complete_operation(operation, method, "{id}" in path, made.version, made.settings, parts)
    return spec


def describe_schema(kind: str, schema: dict[str, Any]) -> None:
    """An answer has all its members, unless `fields` chose; and each member says what it is."""
    members = schema.get("properties", {})
    if "_links" in members:
        always = [name for name, member in members.items() if not member.pop("x-sometimes", False)]
        schema["required"] = sorted(("_etag", "_links") if kind.endswith("InPart") else always)
    texts = (
        {**PAGE_MEMBERS, "_embedded": "The items of this page."} if kind.endswith("Collection") else MEMBERS
    )
    for member in members.keys() & texts.keys():
        if "const" not in members[member]:
            members[member].setdefault("description", texts[member])
