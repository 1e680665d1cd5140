"""How money is written: as a number, or as an object with its currency. Nothing is ever rounded."""

import re
from decimal import Decimal
from typing import Any

from shop.model.money import MAX_MONEY, Currency


def read_number(amount: Any, currency: Currency) -> Any:
    """Return minor units if the amount is exact; anything else as it is, so that the schema refuses it."""
    if type(amount) not in (int, Decimal):
        return amount
    try:
        return currency.to_minor_units(amount)
    except ValueError:
        return round_multiplied(amount, currency)


def round_multiplied(amount: int | Decimal, currency: Currency) -> int | Decimal:
    """Return minor units of a product of floats: 0.35000000000000003 can only mean 0.35."""
    if not -MAX_MONEY <= amount <= MAX_MONEY:
        return Decimal(amount)
    minor, step = round(amount * 10**currency.decimals), float(currency.to_decimal(1))
    return minor if amount == Decimal(repr(minor * step)) else amount


def write_number(minor: int, currency: Currency) -> int | float:
    return minor / currency.scale if currency.decimals else minor


def build_number_schema(currency: Currency) -> dict[str, Any]:
    step = {"multipleOf": float(currency.to_decimal(1))} if currency.decimals else {}
    kind = "number" if currency.decimals else "integer"
    return {
        "type": kind,
        "minimum": 0,
        "maximum": write_number(MAX_MONEY, currency),
        **step,
        "examples": [249],
    }


def write_labelled(minor: int, currency: Currency) -> dict[str, str]:
    return {"amount": f"{currency.to_decimal(minor):f}", "currency": str(currency)}


def read_labelled(money: Any, currency: Currency) -> Any:
    if type(money) is int:
        return Decimal(money)  # which is refused: a bare number is not this version's money
    if not isinstance(money, dict) or set(money) != {"amount", "currency"} or money["currency"] != currency:
        return money
    text = money["amount"]
    plain = isinstance(text, str) and re.fullmatch(build_amount_pattern(currency), text)
    return read_number(Decimal(text), currency) if plain else money


def build_amount_pattern(currency: Currency) -> str:
    decimals = rf"(\.[0-9]{{1,{currency.decimals}}})?" if currency.decimals else ""
    return rf"[0-9]{{1,{11 - currency.decimals}}}{decimals}"


def build_labelled_schema(currency: Currency) -> dict[str, Any]:
    amount = {"type": "string", "pattern": f"^{build_amount_pattern(currency)}$"}
    return {
        "type": "object",
        "required": ["amount", "currency"],
        "additionalProperties": False,
        "properties": {"amount": amount, "currency": {"type": "string", "enum": [str(currency)]}},
        "examples": [write_labelled(24900, currency)],
    }
