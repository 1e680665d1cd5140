"""How members are written: money and times in their own way, all others as the database gives them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any

from marshmallow import Schema, fields

from shop.hypermedia.callers import get_context
from shop.hypermedia.negotiation import HAL_FORMS
from shop.hypermedia.problems import WayOut
from shop.hypermedia.request import request_state
from shop.hypermedia.resources import ChildList, Resource
from shop.hypermedia.runtime import get_service, get_settings
from shop.model.entity import Entity
from shop.model.money import MAX_MONEY
from shop.storage.transactions import Context


def describe(
    text: str, *, title: str = "", means: str = "", optional: bool = False, example: Any = None
) -> dict[str, Any]:
    """Return the metadata of a member: its description, its label, its name in schema.org, an example."""
    found: dict[str, Any] = {"description": text}
    found |= {"examples": [example]} if example is not None else {}
    found |= {"x-title": title} if title else {}
    found |= {"x-means": means} if means else {}
    return {**found, "x-optional": True} if optional else found


CREATED = describe("When it was created, in UTC.", title="Created", means="dateCreated")
CHANGED = describe("When it last changed, in UTC.", title="Changed", means="dateModified")


@dataclass
class RenderContext:
    """What all entities of an answer have in common, looked up once for all of them."""

    root: str
    base: str
    has_forms: bool
    resource_of: Mapping[type[Entity], Resource]
    child_lists_of: Mapping[type[Entity], tuple[ChildList, ...]]
    write_money: Callable[[int], Any]
    login: WayOut | None  # how a caller logs in
    version: str

    @cached_property
    def context(self) -> Context:
        return get_context()  # only where it is needed: an invalid token must not prevent a login

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """All that a row may depend on beside itself."""
        return self.base, self.version, self.has_forms, self.context.get_roles()

    def get_url(self, entity: Any) -> str:
        return f"{self.base}{self.resource_of[entity.kind].path}/{entity.id}"


def build_render_context() -> RenderContext:
    state, service, currency = request_state(), get_service(), get_settings().currency
    write_money = state.version.write_money
    return RenderContext(
        state.root,
        state.root + state.prefix,
        state.media_type == HAL_FORMS,
        service.resource_of,
        service.child_lists_of,
        lambda minor: write_money(minor, currency),
        service.ways_out.get(401),
        state.version.name,
    )


class Price(fields.Field):
    """Money as the version writes it."""

    def __init__(self, *, maximum: int = MAX_MONEY, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.maximum = maximum

    def _serialize(self, value: int, *_: Any, **__: Any) -> Any:
        return request_state().version.write_money(value, get_settings().currency)


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
        return lambda entity, _: value(entity)  # what the database gives is of the type already
    if isinstance(field, Price):
        return lambda entity, frame: frame.write_money(value(entity))
    if isinstance(field, Time):
        return lambda entity, _: None if (moment := value(entity)) is None else field._serialize(moment)
    if isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):
        return build_list_writer(field.inner.schema, value)
    return lambda entity, _: field.serialize(attribute, entity)


def build_list_writer(
    schema: Schema, get_parts: Callable[[Any], Any]
) -> Callable[[Any, RenderContext], list[dict[str, Any]]]:
    """Return the function that writes the parts of an entity, such as the lines of an order."""
    writers = [(name, build_writer(schema, name, field)) for name, field in schema.dump_fields.items()]

    def write_parts(entity: Any, frame: RenderContext) -> list[dict[str, Any]]:
        return [{name: write(part, frame) for name, write in writers} for part in get_parts(entity)]

    return write_parts
