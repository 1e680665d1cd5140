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

ID_PATTERN = re.compile(r"(?:([A-Z][a-z]+):)?([1-9][0-9]{0,17})", re.ASCII)
AMOUNT_PATTERN = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)


def to_snake_case(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def to_camel_case(name: Any) -> Any:
    return re.sub("_([a-z])", lambda match: match[1].upper(), name) if isinstance(name, str) else name


def camelize_keys(errors: Any) -> Any:
    has_names = isinstance(errors, Mapping)
    return (
        {to_camel_case(name): camelize_keys(below) for name, below in errors.items()} if has_names else errors
    )


def parse_id(kind: type[Entity], id: str) -> int:
    """The number in an id; what is the id of something else is the id of nothing of this kind."""
    match = ID_PATTERN.fullmatch(id)
    if not match or match[1] not in (None, kind.__name__):
        raise kind.missing()
    return int(match[2])


def parse_money(value: Any) -> Decimal:
    """As exact as it was written: a number, or the same as text."""
    if type(value) in (int, float, Decimal, str) and AMOUNT_PATTERN.fullmatch(text := str(value)):
        return Decimal(text)
    raise GraphQLError("Money is a number such as 249.99, or the same as text.")


def parse_money_literal(node: Any, _: Any = None) -> Decimal:
    return parse_money(getattr(node, "value", None))


def serialize_money(value: Decimal) -> int | float:
    return (
        int(value) if value == value.to_integral_value() and value.as_tuple().exponent == 0 else float(value)
    )


def serialize_time(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def load_input(schema: Schema, args: dict[str, Any], currency: Currency) -> dict[str, Any]:
    """The arguments in the shape that the shop asks for, or each that is not as it must be."""
    try:
        return schema.load(convert_arguments(schema, args, currency))
    except ValidationError as error:
        errors = camelize_keys(error.messages_dict)
        raise Invalid("Some arguments are not as they must be.", errors=errors) from None


def convert_arguments(schema: Schema, args: dict[str, Any], currency: Currency) -> dict[str, Any]:
    known = {name: field for name, field in schema.fields.items() if to_camel_case(name) in args}
    return {name: convert_value(field, args[to_camel_case(name)], currency) for name, field in known.items()}


def convert_value(field: fields.Field, value: Any, currency: Currency) -> Any:
    if value is None:
        return None
    if isinstance(field, fields.List):
        return [convert_arguments(field.inner.schema, each, currency) for each in value]
    if isinstance(field, Money):
        return to_minor_units(value, currency)
    match = field.name.endswith("_id") and ID_PATTERN.fullmatch(value)
    return int(match[2]) if match else value


def to_minor_units(amount: Decimal, currency: Currency) -> int | Decimal:
    """Minor units where the amount is exact; anything else as it came, for the shape to refuse."""
    try:
        return currency.minor(amount)
    except (ValueError, InvalidOperation):
        return amount
