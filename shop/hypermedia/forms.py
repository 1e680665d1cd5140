"""Moves as forms (HAL-FORMS): what a move takes, so that a client needs no other documentation.

A template is there exactly when its link is, for the same reason. Its hidden members carry the version
that was seen and a key, so that a client that knows neither loses no update and makes no move twice.
What a form cannot say, a list of lines, has a link but no template; a list of choices has one.
"""

import hashlib
import hmac
from functools import cache, lru_cache
from typing import Any

from marshmallow import Schema, fields, validate

from shop.hypermedia.callers import get_context
from shop.hypermedia.links import MOVE_METHODS, Node, get_move_path
from shop.hypermedia.negotiation import FORM, JSON
from shop.hypermedia.request import request_state
from shop.hypermedia.resources import Resource
from shop.hypermedia.runtime import get_settings
from shop.hypermedia.url_scope import build_url
from shop.hypermedia.versions import write_number
from shop.model.entity import Entity
from shop.model.fields import Email, Money
from shop.model.money import Currency
from shop.model.moves import Move, find_available_moves
from shop.storage.execution import find_newest_id

LONG_TEXT = 200  # more characters than this want more than one line


def build_form(title: str, method: str, target: str, shape: Schema | None = None, **values: Any) -> Node:
    """Return a template; `values` fill it in, and those that begin with an underscore are hidden."""
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


@cache
def has_form(shape: type[Schema]) -> bool:
    """Whether a form can say this input: its only lists are those of choices."""
    return all(not isinstance(field, fields.List) or list_choices(field) for field in shape().fields.values())


def list_choices(field: fields.List) -> list[str]:
    """Return what the members of a list are chosen from; nothing where they are no choices."""
    choices = [rule.choices for rule in field.inner.validators if isinstance(rule, validate.OneOf)]
    return [*choices[0]] if choices else []


def has_labelled_money(shape: Schema) -> bool:
    """Whether the body holds money as an object; a form sends it as a number, which is simpler to fill in."""
    return request_state().version.has_labelled_money and any(
        type(field) is Money for field in shape.fields.values()
    )


def describe_property(shape: Schema, name: str, value: Any) -> Node:
    """Return a property: its rules, and the value that it has here."""
    field = shape.fields[name]
    found = {
        **describe_rules(type(shape), name, get_settings().currency),
        "name": name,
        "required": field.required and not shape.partial,
    }
    if isinstance(field, Money) and value is not None:
        value = write_number(value, get_settings().currency)
    if value is None:
        return found
    if "options" in found:
        chosen = list(map(str, value)) if isinstance(value, list) else [str(value)]
        return {**found, "options": {**found["options"], "selectedValues": chosen}}
    return {**found, "value": value if isinstance(value, str) else str(value)}


@lru_cache(512)  # by the class: every instance of a shape has fields of its own
def describe_rules(shape: type[Schema], name: str, currency: Currency) -> Node:
    """Return the rules of a field with the names that HTML has for them."""
    field = shape().fields[name]
    found: Node = {"prompt": field.metadata.get("prompt") or field.name.replace("_", " ").capitalize()}
    found["type"] = find_input_type(field)
    if isinstance(field, Money):
        found["step"] = float(currency.to_decimal(1))
    if isinstance(field, fields.Boolean):
        found["options"] = {"inline": ["true", "false"], "maxItems": 1}
    if isinstance(field, fields.List):
        return found | describe_choices(field)
    for rule in field.validators:
        found |= translate_rule(rule, field, currency)
    return found


def describe_choices(field: fields.List) -> Node:
    """Return the rules of a list of choices; one without choices is never in a form."""
    if not (choices := list_choices(field)):
        return {}
    length = next(rule for rule in field.validators if isinstance(rule, validate.Length))
    return {"options": {"inline": choices, "minItems": length.min, "maxItems": length.max}}


def find_input_type(field: fields.Field) -> str:
    if kind := field.metadata.get("x-input"):
        return kind
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
        write = (lambda bound: write_number(bound, currency)) if isinstance(field, Money) else int
        return {"min": write(rule.min), "max": write(rule.max)}
    if isinstance(rule, validate.Regexp):
        return {"regex": rule.regex.pattern}
    if isinstance(rule, validate.OneOf):
        return {"options": {"inline": list(rule.choices), "maxItems": 1}}
    return {}


def build_form_key(*of: Any) -> str | None:
    """Return the key of a form; it changes as soon as the entity has changed."""
    actor = get_context().actor
    if not actor:
        return None
    said = ":".join(map(str, (actor.id, actor.login, *of)))
    return hmac.new(get_settings().secret_key[0].encode(), said.encode(), hashlib.sha256).hexdigest()[:32]


def build_move_form(here: str, move: Move, entity: Entity) -> Node:
    """Return the form of a move: filled in with the present values and the version that was seen."""
    method = MOVE_METHODS.get(move.name, ("POST",))[-1]
    values = {name: getattr(entity, name, None) for name in move.takes().fields}
    key = build_form_key(here, move.name, entity.tag) if method == "POST" else None
    shape = move.takes(partial=method == "PATCH")
    hidden = {"_etag": f'"{entity.tag}"', "_idempotency_key": key}
    return build_form(move.title, method, here + get_move_path(move), shape, **values, **hidden)


def build_creation_forms(resource: Resource) -> dict[str, Node]:
    """Return the forms of the moves by which the caller may create an entity now."""
    moves = find_available_moves(resource.kind, get_context().get_roles())
    return {move.name: build_creation_form(resource, move) for move in moves if has_form(move.takes)}


def build_creation_form(resource: Resource, move: Move) -> Node:
    """Return the form of a move that creates an entity; its key changes as soon as there is a newer one."""
    here = build_url(resource.path)
    newest = find_newest_id(get_context(), resource.kind) if not get_context().is_anonymous else None
    return build_form(move.title, "POST", here, move.takes(), _idempotency_key=build_form_key(here, newest))
