"""How members are written: money and instants, and all others the short way."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any

from marshmallow import Schema, fields

from shop.doors.request_context import get_context, get_settings
from shop.doors.rest.media_types import HAL_FORMS
from shop.hypermedia.request import request_state
from shop.storage.transactions import Context


@dataclass
class RenderContext:
    """What all things of an answer have in common, looked up once for all of them."""

    root: str
    base: str
    forms: bool
    price: Callable[[int], Any]

    @cached_property
    def context(self) -> Context:
        return get_context()  # only where somebody asks: a stale token keeps nobody from getting a new one


def build_render_context() -> RenderContext:
    found, currency = request_state(), get_settings().currency
    write, forms = found.version.write, found.media_type == HAL_FORMS
    return RenderContext(found.root, found.root + found.prefix, forms, lambda minor: write(minor, currency))


class Price(fields.Field):
    """Money as the version writes it."""

    def _serialize(self, value: int, *_: Any, **__: Any) -> Any:
        return request_state().version.write(value, get_settings().currency)


class Time(fields.Field):
    """An instant in UTC, to the second."""

    def _serialize(self, value: Any, *_: Any, **__: Any) -> str:
        return value.isoformat(timespec="seconds")[:-6] + "Z"


def build_writer(schema: Schema, name: str, field: fields.Field) -> Callable[[Any, RenderContext], Any]:
    """Return the function that writes a field; marshmallow would look it up for each member each time."""
    attribute = field.attribute or name
    value = attrgetter(attribute)
    if isinstance(field, fields.Method):
        return getattr(schema, field.serialize_method_name)
    if type(field) in (fields.String, fields.Integer, fields.Boolean):
        return lambda thing, _: value(thing)  # what the database gives is of the type already
    if isinstance(field, Price):
        return lambda thing, frame: frame.price(value(thing))
    if isinstance(field, Time):
        return lambda thing, _: field._serialize(value(thing))
    return lambda thing, _: field.serialize(attribute, thing)
