"""Convert between protobuf messages and the shop: names, money, times, enums."""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money as Amount
from marshmallow import Schema, ValidationError, fields

from shop.model.errors import Invalid
from shop.model.fields import Money
from shop.model.money import Currency
from shop.model.moves import find_available_moves
from shop.storage.transactions import Context

NANOS_PER_UNIT = 10**9
# Fields that have another name in the shop.
FIELD_NAMES = {"per_page": "page_size", "page": "page_token", "after": "cursor"}
MASK_FIELD = "update_mask"

FieldWriter = Callable[[Any, Context], Any]


# ---- From the shop to messages


def build_message(kind: type[Message], entity: Any, ctx: Context) -> Any:
    """Return a message with the values of an entity."""
    values = {name: write(entity, ctx) for name, write in build_field_writers(kind.DESCRIPTOR)}
    return kind(**{name: value for name, value in values.items() if value is not None})


@cache
def build_field_writers(descriptor: Descriptor) -> list[tuple[str, FieldWriter]]:
    return [(each.name, build_field_writer(each)) for each in descriptor.fields]


def build_field_writer(field: FieldDescriptor) -> FieldWriter:
    name, below = field.name, field.message_type
    if name == "can":
        return lambda entity, ctx: [move.name for move in find_available_moves(entity, ctx.get_roles(entity))]
    if name == "etag":
        return lambda entity, _: entity.tag
    if field.enum_type:
        return lambda entity, _: get_enum_number(field.enum_type, getattr(entity, name))
    if below is Amount.DESCRIPTOR:
        return lambda entity, ctx: build_amount(getattr(entity, name), ctx.currency)
    if below is Timestamp.DESCRIPTOR:
        return lambda entity, _: (at := getattr(entity, name)) and build_timestamp(at)
    if below:
        kind = GetMessageClass(below)
        return lambda entity, ctx: [build_message(kind, each, ctx) for each in getattr(entity, name)]
    return lambda entity, _: getattr(entity, name)


def build_amount(minor: int, code: str) -> Amount:
    currency = Currency(code)
    units, rest = divmod(minor, currency.scale)
    return Amount(currency_code=code, units=units, nanos=rest * (NANOS_PER_UNIT // currency.scale))


def build_timestamp(at: datetime) -> Timestamp:
    return Timestamp(seconds=int(at.timestamp()), nanos=at.microsecond * 1000)


def get_enum_prefix(enum: EnumDescriptor) -> str:
    """Return the prefix of all values of an enum, such as ORDER_STATUS_."""
    return enum.values_by_number[0].name.removesuffix("UNSPECIFIED")


def get_enum_number(enum: EnumDescriptor, word: str) -> int:
    return enum.values_by_name[get_enum_prefix(enum) + word.upper()].number


# ---- From messages to the shop


def load_input(
    schema: Schema, request: Message, currency: str, mask: set[str] | None = None
) -> dict[str, Any]:
    """Return a message as validated input; raise Invalid with an error for each wrong field."""
    values, flaws = {}, {}
    for name, field in schema.fields.items():
        if schema.partial and isinstance(field, fields.List) and not getattr(request, name):
            continue  # a list that is not sent is empty
        try:
            if (value := read_field(request, field, FIELD_NAMES.get(name, name), currency, mask)) is not None:
                values[name] = value
        except ValueError as error:
            flaws[name] = [str(error)]
    try:
        data = schema.load(values)
    except ValidationError as error:
        flaws = {**error.messages_dict, **flaws}
    if flaws:
        raise Invalid("Some fields are invalid.", errors=flaws)
    return data


def read_field(request: Message, field: fields.Field, name: str, currency: str, mask: set[str] | None) -> Any:
    """Return the value of a field; None if it is unset, or not in the mask."""
    descriptor = request.DESCRIPTOR.fields_by_name[name]
    is_named = name in mask if mask is not None else None
    if is_named is False or (is_named is None and descriptor.has_presence and not request.HasField(name)):
        return None
    value = getattr(request, name)
    if isinstance(field, Money):
        return to_minor_units(value, Currency(currency))
    if descriptor.enum_type:
        return get_enum_word(descriptor.enum_type, value)
    if isinstance(field, fields.List):
        return read_list(field, value)
    return None if name in FIELD_NAMES.values() and not descriptor.has_presence and not value else value


def read_list(field: fields.List, items: Iterable[Any]) -> list[Any]:
    """Return the members of a list: values as they are, or messages as objects."""
    if not isinstance(field.inner, fields.Nested):
        return [*items]
    names = field.inner.schema.fields
    return [{name: getattr(each, name) for name in names} for each in items]


def get_enum_word(enum: EnumDescriptor, value: int) -> str | None:
    """Return the word for a number of an enum; an unknown number as text, which the schema refuses."""
    if value == 0:
        return None
    entry = enum.values_by_number.get(value)
    return entry.name.removeprefix(get_enum_prefix(enum)).lower() if entry else str(value)


def to_minor_units(money: Amount, currency: Currency) -> int:
    """Return the exact number of minor units; raise ValueError if the money is wrong."""
    if money.currency_code != currency:
        raise ValueError(f"The currency_code must be {currency}.")
    if abs(money.nanos) >= NANOS_PER_UNIT or money.units * money.nanos < 0:
        raise ValueError("The nanos are less than a unit, and have the sign of the units.")
    try:
        return currency.to_minor_units(Decimal(money.units) + Decimal(money.nanos).scaleb(-9))
    except ValueError as error:
        raise ValueError(f"It must be exact: {error}.") from None


def read_mask(request: Message, schema: Schema) -> set[str] | None:
    """Return the fields that the mask names; None without a mask: then all fields that were sent count."""
    if MASK_FIELD not in request.DESCRIPTOR.fields_by_name or not request.HasField(MASK_FIELD):
        return None
    paths = set(request.update_mask.paths)
    if unknown := paths - {"*", *schema.fields}:
        flaw = f"It may name {', '.join(schema.fields)}, or * for all of them; not {min(unknown)[:50]}."
        raise Invalid("The update_mask names a field that cannot be changed.", errors={MASK_FIELD: [flaw]})
    return set(schema.fields) if "*" in paths else paths
