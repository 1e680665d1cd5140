"""Between the words of the schema and those of the shop: names, ids, money, instants."""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from graphql import GraphQLError
from marshmallow import Schema, ValidationError, fields

from shop.model.entity import Entity
from shop.model.errors import Invalid
from shop.model.fields import Money
from shop.model.money import Currency

ID = re.compile(r"(?:([A-Z][a-z]+):)?([1-9][0-9]{0,17})", re.ASCII)
AMOUNT = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)


def snake(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def camel(name: Any) -> Any:
    return re.sub("_([a-z])", lambda found: found[1].upper(), name) if isinstance(name, str) else name


def camelled(errors: Any) -> Any:
    named = isinstance(errors, Mapping)
    return {camel(name): camelled(below) for name, below in errors.items()} if named else errors


def number(kind: type[Entity], id: str) -> int:
    """The number in an id; what is the id of something else is the id of nothing of this kind."""
    found = ID.fullmatch(id)
    if not found or found[1] not in (None, kind.__name__):
        raise kind.missing()
    return int(found[2])


def read_money(value: Any) -> Decimal:
    """As exact as it was written: a number, or the same as text."""
    if type(value) in (int, float, Decimal, str) and AMOUNT.fullmatch(text := str(value)):
        return Decimal(text)
    raise GraphQLError("Money is a number such as 249.99, or the same as text.")


def read_money_literal(node: Any, _: Any = None) -> Decimal:
    return read_money(getattr(node, "value", None))


def write_money(value: Decimal) -> int | float:
    return (
        int(value) if value == value.to_integral_value() and value.as_tuple().exponent == 0 else float(value)
    )


def write_time(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def shaped(shape: Schema, args: dict[str, Any], currency: Currency) -> dict[str, Any]:
    """The arguments in the shape that the shop asks for, or each that is not as it must be."""
    try:
        return shape.load(said(shape, args, currency))
    except ValidationError as error:
        flaws = camelled(error.messages_dict)
        raise Invalid("Some arguments are not as they must be.", errors=flaws) from None


def said(shape: Schema, args: dict[str, Any], currency: Currency) -> dict[str, Any]:
    known = {name: field for name, field in shape.fields.items() if camel(name) in args}
    return {name: value(field, args[camel(name)], currency) for name, field in known.items()}


def value(field: fields.Field, given: Any, currency: Currency) -> Any:
    if given is None:
        return None
    if isinstance(field, fields.List):
        return [said(field.inner.schema, each, currency) for each in given]
    if isinstance(field, Money):
        return minor(given, currency)
    named = field.name.endswith("_id") and ID.fullmatch(given)
    return int(named[2]) if named else given


def minor(amount: Decimal, currency: Currency) -> int | Decimal:
    """Minor units where the amount is exact; anything else as it came, for the shape to refuse."""
    try:
        return currency.minor(amount)
    except (ValueError, InvalidOperation):
        return amount
