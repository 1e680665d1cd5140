"""Moves as forms (HAL-FORMS): what a move takes, so that a client needs no other documentation.

A template is there exactly when its link is, for the same reason. Its hidden members carry the version
that was seen and a key, so that a client that knows of neither loses no update and orders nothing twice.
What a form cannot say, a list of lines, has a link but no template.
"""

import hashlib
import hmac
from functools import lru_cache
from typing import Any

from marshmallow import Schema, fields, validate

from shop.domain.user import Credentials, Refresh
from shop.doors.request_context import get_context, get_settings
from shop.doors.rest.media_types import FORM
from shop.doors.rest.url_scope import build_url
from shop.doors.rest.versions import V1
from shop.hypermedia.negotiation import JSON
from shop.hypermedia.request import request_state
from shop.model.fields import Email, Money
from shop.model.money import Currency

LONG_TEXT = 200  # more characters than this want more than one line

Node = dict[str, Any]


def build_form(title: str, method: str, target: str, shape: Schema | None = None, **values: Any) -> Node:
    """A template; `values` fill it in, and those that begin with an underscore are hidden."""
    hidden = {name: value for name, value in values.items() if name.startswith("_") and value}
    shown = shape.fields if shape else {}
    properties = [describe_property(shape, name, values.get(name)) for name in shown]
    properties += [{"name": name, "type": "hidden", "value": value} for name, value in hidden.items()]
    return {
        "title": title,
        "method": method,
        "target": target,
        "contentType": FORM if shape and has_labelled_money(shape) else JSON,
        "properties": properties,
    }


def has_form(shape: type[Schema]) -> bool:
    return not any(isinstance(field, fields.List) for field in shape().fields.values())


def has_labelled_money(shape: Schema) -> bool:
    """Where money is an object, only the other body type says it in one field."""
    return request_state().version is not V1 and any(type(field) is Money for field in shape.fields.values())


def describe_property(shape: Schema, name: str, value: Any) -> Node:
    """A property: what holds for everybody, and the value it has here."""
    field = shape.fields[name]
    found = {
        **describe_rules(type(shape), name, get_settings().currency),
        "name": name,
        "required": field.required and not shape.partial,
    }
    if isinstance(field, Money) and value is not None:
        value = V1.write(value, get_settings().currency)
    if value is None:
        return found
    if "options" in found:
        return {**found, "options": {**found["options"], "selectedValues": [str(value)]}}
    return {**found, "value": value if isinstance(value, str) else str(value)}


@lru_cache(512)  # by the class: every instance of a shape has fields of its own
def describe_rules(shape: type[Schema], name: str, currency: Currency) -> Node:
    """What a field asks for, in the words of HTML."""
    field = shape().fields[name]
    found: Node = {"prompt": field.metadata.get("prompt") or field.name.replace("_", " ").capitalize()}
    found["type"] = find_input_type(field)
    if isinstance(field, Money):
        found["step"] = float(currency.to_decimal(1))
    if isinstance(field, fields.Boolean):
        found["options"] = {"inline": ["true", "false"], "maxItems": 1}
    for rule in field.validators if not isinstance(field, fields.List) else ():
        found |= translate_rule(rule, field, currency)
    return found


def find_input_type(field: fields.Field) -> str:
    if field.name == "refresh_token":
        return "hidden"
    if field.name == "password":
        return "password"
    if isinstance(field, Email):
        return "email"
    if isinstance(field, fields.Integer):
        return "number"
    long = any(isinstance(rule, validate.Length) and (rule.max or 0) > LONG_TEXT for rule in field.validators)
    return "textarea" if long else "text"


def translate_rule(rule: Any, field: fields.Field, currency: Any) -> Node:
    if isinstance(rule, validate.Length):
        return {"minLength": rule.min, "maxLength": rule.max}
    if isinstance(rule, validate.Range):
        write = (lambda bound: V1.write(bound, currency)) if isinstance(field, Money) else int
        return {"min": write(rule.min), "max": write(rule.max)}
    if isinstance(rule, validate.Regexp):
        return {"regex": rule.regex.pattern}
    if isinstance(rule, validate.OneOf):
        return {"options": {"inline": list(rule.choices), "maxItems": 1}}
    return {}


def build_form_key(*of: Any) -> str | None:
    """The key of a form: the same for the same page, another as soon as what it is about has changed."""
    actor = get_context().actor
    if not actor:
        return None
    said = ":".join(map(str, (actor.id, actor.login, *of)))
    return hmac.new(get_settings().secret_key[0].encode(), said.encode(), hashlib.sha256).hexdigest()[:32]


def build_login_form() -> Node:
    return build_form("Log in", "POST", build_url("/tokens"), Credentials())


def build_refresh_form(held: str) -> Node:
    return build_form(
        "Renew both tokens", "POST", build_url("/tokens/refresh"), Refresh(), refresh_token=held
    )


def build_logout_form() -> Node:
    return build_form("Log out", "DELETE", build_url("/tokens/current"))
