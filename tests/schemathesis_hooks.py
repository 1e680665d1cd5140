"""For schemathesis: the rules of input that the documents state in words."""

from decimal import Decimal
from typing import Any

import schemathesis

from shop.domain.user import COMMON_PASSWORDS

MONEY = ("price", "min_price", "max_price")


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Write amounts with the decimals that the currency has."""
    return round_money(body) if isinstance(body, dict) else body


@schemathesis.hook
def map_query(context: Any, query: Any) -> Any:
    return round_money(query) if isinstance(query, dict) else query


@schemathesis.hook
def filter_body(context: Any, body: Any) -> bool:
    """Leave out the passwords that are refused because they are too common."""
    password = body.get("password") if isinstance(body, dict) else None
    return not isinstance(password, str) or password.casefold() not in COMMON_PASSWORDS


def round_money(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round_amount(value) if name in MONEY else value for name, value in values.items()}


def round_amount(value: Any) -> Any:
    if isinstance(value, float) and abs(value) < 10**12:
        return float(round(Decimal(value), 2))
    return value
