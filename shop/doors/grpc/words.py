"""Between the messages of the door and the words of the shop: names, money, instants, enums."""

from collections.abc import Callable
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

NANO = 10**9
# What the shop calls otherwise.
NAMES = {"per_page": "page_size", "page": "page_token", "after": "cursor"}
UPDATE = "update_mask"

Writer = Callable[[Any, Context], Any]


# ---- From the shop into messages


def said(kind: type[Message], thing: Any, ctx: Context) -> Any:
    """A message with all that the thing has to say in it."""
    written = {name: write(thing, ctx) for name, write in writers(kind.DESCRIPTOR)}
    return kind(**{name: value for name, value in written.items() if value is not None})


@cache
def writers(descriptor: Descriptor) -> list[tuple[str, Writer]]:
    return [(each.name, writer(each)) for each in descriptor.fields]


def writer(field: FieldDescriptor) -> Writer:
    name, below = field.name, field.message_type
    if name == "can":
        return lambda thing, ctx: [move.name for move in find_available_moves(thing, ctx.roles(thing))]
    if name == "etag":
        return lambda thing, _: thing.tag
    if field.enum_type:
        return lambda thing, _: number(field.enum_type, getattr(thing, name))
    if below is Amount.DESCRIPTOR:
        return lambda thing, ctx: amount(getattr(thing, name), ctx.currency)
    if below is Timestamp.DESCRIPTOR:
        return lambda thing, _: instant(getattr(thing, name))
    if below:
        kind = GetMessageClass(below)
        return lambda thing, ctx: [said(kind, each, ctx) for each in getattr(thing, name)]
    return lambda thing, _: getattr(thing, name)


def amount(minor: int, code: str) -> Amount:
    currency = Currency(code)
    units, rest = divmod(minor, currency.scale)
    return Amount(currency_code=code, units=units, nanos=rest * (NANO // currency.scale))


def instant(at: datetime) -> Timestamp:
    return Timestamp(seconds=int(at.timestamp()), nanos=at.microsecond * 1000)


def prefix(enum: EnumDescriptor) -> str:
    """What all values of an enum begin with, and the shop does not say."""
    return enum.values_by_number[0].name.removesuffix("UNSPECIFIED")


def number(enum: EnumDescriptor, word: str) -> int:
    return enum.values_by_name[prefix(enum) + word.upper()].number


# ---- From messages into the shop


def shaped(shape: Schema, request: Message, currency: str, names: set[str] | None = None) -> dict[str, Any]:
    """What a message says in the shape that the shop asks for, or each field that is not as it must be."""
    words, flaws = {}, {}
    for name, field in shape.fields.items():
        try:
            if (word := read(request, field, NAMES.get(name, name), currency, names)) is not None:
                words[name] = word
        except ValueError as error:
            flaws[name] = [str(error)]
    try:
        data = shape.load(words)
    except ValidationError as error:
        flaws = {**error.messages_dict, **flaws}
    if flaws:
        raise Invalid("Some fields are not as they must be.", errors=flaws)
    return data


def read(request: Message, field: fields.Field, name: str, currency: str, names: set[str] | None) -> Any:
    """The value of a field; None where it does not say anything, or is not meant."""
    known = request.DESCRIPTOR.fields_by_name[name]
    meant = name in names if names is not None else None
    if meant is False or (meant is None and known.has_presence and not request.HasField(name)):
        return None
    value = getattr(request, name)
    if isinstance(field, Money):
        return minor(value, Currency(currency))
    if known.enum_type:
        return word(known.enum_type, value)
    if isinstance(field, fields.List):
        below = field.inner.schema
        return [{part: getattr(each, part) for part in below.fields} for each in value]
    return None if name in NAMES.values() and not known.has_presence and not value else value


def word(enum: EnumDescriptor, value: int) -> str | None:
    """What a number means; one that is none of the enum is refused by the shape."""
    if value == 0:
        return None
    found = enum.values_by_number.get(value)
    return found.name.removeprefix(prefix(enum)).lower() if found else str(value)


def minor(money: Amount, currency: Currency) -> int:
    """The exact number of minor units, or what is wrong with the money."""
    if money.currency_code != currency:
        raise ValueError(f"The currency_code must be {currency}.")
    if abs(money.nanos) >= NANO or money.units * money.nanos < 0:
        raise ValueError("The nanos are less than a unit, and have the sign of the units.")
    try:
        return currency.minor(Decimal(money.units) + Decimal(money.nanos).scaleb(-9))
    except ValueError as error:
        raise ValueError(f"It must be exact: {error}.") from None


def masked(request: Message, shape: Schema) -> set[str] | None:
    """The fields that a mask names; None where there is none, and those count that were sent."""
    if not request.HasField(UPDATE):
        return None
    paths = set(request.update_mask.paths)
    if unknown := paths - {"*", *shape.fields}:
        flaw = f"It may name {', '.join(shape.fields)}; or * for all of them. {min(unknown)[:50]} is none."
        raise Invalid("The mask names what cannot be changed.", errors={UPDATE: [flaw]})
    return set(shape.fields) if "*" in paths else paths
