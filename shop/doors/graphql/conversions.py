"""Convert between the schema and the shop: names, ids, money, times, input."""

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
    if not isinstance(errors, Mapping):
        return errors
    return {to_camel_case(name): camelize_keys(below) for name, below in errors.items()}


def parse_id(kind: type[Entity], id: str) -> int:
    """Return the number in an id; raise NotFound if the id is not one of this kind."""
    match = ID_PATTERN.fullmatch(id)
    if not match or match[1] not in (None, kind.__name__):
        raise kind.build_not_found()
    return int(match[2])


def parse_money(value: Any) -> Decimal:
    """Return money as an exact decimal; it may be a number or the same as text."""
    if type(value) in (int, float, Decimal, str) and AMOUNT_PATTERN.fullmatch(text := str(value)):
        return Decimal(text)
    raise GraphQLError("Money is a number such as 249.99, or the same as text.")


def parse_money_literal(node: Any, _: Any = None) -> Decimal:
    return parse_money(getattr(node, "value", None))


def serialize_money(value: Decimal) -> int | float:
    """Return an amount as a number: an integer if its currency has no decimals."""
    return int(value) if value.as_tuple().exponent == 0 else float(value)


def serialize_time(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def load_input(schema: Schema, args: dict[str, Any], currency: Currency) -> dict[str, Any]:
    """Return the arguments as validated input; raise Invalid with an error for each wrong argument."""
    try:
        return schema.load(convert_arguments(schema, args, currency))
    except ValidationError as error:
        errors = camelize_keys(error.messages_dict)
        raise Invalid("Some arguments are invalid.", errors=errors) from None


def convert_arguments(schema: Schema, args: dict[str, Any], currency: Currency) -> dict[str, Any]:
    known = {name: field for name, field in schema.fields.items() if to_camel_case(name) in args}
    return {name: convert_value(field, args[to_camel_case(name)], currency) for name, field in known.items()}


def convert_value(field: fields.Field, value: Any, currency: Currency) -> Any:
    if value is None:
        return None
    if isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):
        return [convert_arguments(field.inner.schema, each, currency) for each in value]
    if isinstance(field, Money):
        return to_minor_units(value, currency)
    match = field.name.endswith("_id") and ID_PATTERN.fullmatch(value)
    return int(match[2]) if match else value


def to_minor_units(amount: Decimal, currency: Currency) -> int | Decimal:
    """Return minor units if the amount is exact; otherwise the amount itself, which the schema refuses."""
    try:
        return currency.to_minor_units(amount)
    except (ValueError, InvalidOperation):
        return amount
