"""Bodies, queries and ids in URLs, read strictly: what is ambiguous is refused."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from json import loads
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

from flask import request
from marshmallow import Schema, ValidationError, fields
from webargs.fields import DelimitedList
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.routing import BaseConverter

from shop.hypermedia.negotiation import FORM, HAL, HAL_FORMS, JSON, MERGE
from shop.hypermedia.request import UNREAD, request_state
from shop.hypermedia.runtime import get_service, get_settings
from shop.hypermedia.strict_json import parse_json
from shop.hypermedia.versions import read_number
from shop.model.errors import Invalid
from shop.model.fields import Money
from shop.model.money import Currency

BODY_TYPES = [JSON, HAL, HAL_FORMS, FORM]
LITERAL = re.compile(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,20})?|true|false")
HIDDEN_MEMBERS = {"_etag", "_idempotency_key"}  # only a body that came out of a form has them
TEXTUAL = (fields.String, fields.List)


class Id(BaseConverter):
    """An id in a URL: no sign, no leading zero, ASCII digits, at most 18 of them."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)


def parse_literal(field: fields.Field | None, text: str) -> Any:
    """Return the JSON value of a text in a form or a query."""
    if field is None or isinstance(field, TEXTUAL) or not LITERAL.fullmatch(text):
        return text
    return loads(text, parse_float=Decimal)


def parse_text_value(field: fields.Field | None, value: Any) -> Any:
    """Return the value of a form field; some clients send numbers as text."""
    return parse_literal(field, value) if isinstance(value, str) else value


def read_body() -> dict[str, Any]:
    if not request.get_data():
        return {}
    refuse_encoded_body()
    types = list_body_types()
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype not in types or charset not in ("utf-8", "utf8", "us-ascii"):
        raise Unsupported(f"Send the body as {', '.join(types)}, in UTF-8.", types)
    return read_form() if request.mimetype == FORM else parse_json(request.get_data())


def select_hidden_members(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name.startswith("_")}


def read_hidden_members() -> dict[str, Any]:
    """Return the members of the body that begin with an underscore; the body is parsed once."""
    state = request_state()
    if state.hidden_members is UNREAD:
        state.hidden_members = select_hidden_members(read_body())
    return state.hidden_members


def list_body_types() -> list[str]:
    vendor_type = get_service().get_vendor_type(request_state().version)
    return [*BODY_TYPES, vendor_type, *[MERGE] * (request.method == "PATCH")]


def refuse_encoded_body() -> None:
    """Refuse a compressed body: a small one could fill the memory."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise EncodedBody("Send the body as it is, without a Content-Encoding.")


class EncodedBody(UnsupportedMediaType):
    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        return [*super().get_headers(*args, **kwargs), ("Accept-Encoding", "identity")]


def read_form() -> dict[str, Any]:
    refuse_repeated_members(request.form.lists())
    return request.form.to_dict()


class Unsupported(UnsupportedMediaType):
    def __init__(self, description: str, types: list[str]) -> None:
        super().__init__(description)
        self.types = types

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        name = "Accept-Patch" if request.method == "PATCH" else "Accept"
        return [*super().get_headers(*args, **kwargs), (name, ", ".join(self.types))]


def is_list(schema: Schema, name: str) -> bool:
    """Whether a parameter is a list: `a=1&a=2` means the same as `a=1,2`."""
    return isinstance(schema.fields.get(name), DelimitedList)


def refuse_repeated_members(lists: Any) -> None:
    twice = [name for name, values in lists if len(values) > 1]
    if twice:
        raise Invalid(
            "Each parameter may appear only once.",
            errors={name: ["It appears more than once."] for name in twice},
        )


class Parser(FlaskParser):
    """Reads bodies and queries for webargs."""

    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": None, "json": None}

    def load_json(self, req: Any, schema: Schema) -> dict[str, Any]:
        members = read_body()
        hidden_members = request_state().hidden_members = select_hidden_members(members)
        data = {name: value for name, value in members.items() if not name.startswith("_")}
        if req.mimetype == FORM:
            return self.serialize(schema, data)
        if hidden_members.keys() & HIDDEN_MEMBERS:
            data = {name: parse_text_value(schema.fields.get(name), value) for name, value in data.items()}
        return convert_money(schema, data, request_state().version.read_money)

    def load_querystring(self, req: Any, schema: Schema) -> dict[str, Any]:
        try:
            unquote_to_bytes(req.query_string).decode()
        except UnicodeError:
            raise BadRequest("The query is not text in UTF-8.") from None
        lists = {name: values for name, values in req.args.lists() if is_list(schema, name)}
        refuse_repeated_members(each for each in req.args.lists() if each[0] not in lists)
        return self.serialize(schema, {**req.args, **{name: ",".join(lists[name]) for name in lists}})

    def serialize(self, schema: Schema, texts: Mapping[str, str]) -> dict[str, Any]:
        values = {name: parse_literal(schema.fields.get(name), text) for name, text in texts.items()}
        return convert_money(schema, values, read_number)

    def handle_error(self, error: ValidationError, req: Any, schema: Schema, **_: Any) -> NoReturn:
        (members,) = error.messages.values()
        raise Invalid("Check the members that `errors` names.", errors=members)


PARSER = Parser()


def load_body(schema: Schema) -> dict[str, Any]:
    """Return the body as validated input."""
    return PARSER.parse(schema, request, location="json")


def convert_money(
    schema: Schema, data: dict[str, Any], read_money: Callable[[Any, Currency], Any]
) -> dict[str, Any]:
    """Return the data with money in minor units."""
    currency = get_settings().currency
    return {
        name: read_money(value, currency) if isinstance(schema.fields.get(name), Money) else value
        for name, value in data.items()
    }
