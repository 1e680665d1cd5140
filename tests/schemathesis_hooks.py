"""For schemathesis: the rules of input that the documents state in words."""

from decimal import Decimal
from typing import Any

import schemathesis

from shop.domain.user import COMMON_PASSWORDS

MONEY = ("price", "min_price", "max_price", "total")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Write amounts with the decimals of the currency, and no password that is too common."""
    if isinstance(case.body, dict):
        case.body = round_money(case.body)
        if str(case.body.get("password")).casefold() in COMMON_PASSWORDS:
            case.body["password"] = "correct horse battery"
    if case.query:
        case.query = round_money(case.query)


def round_money(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round_amount(value) if name in MONEY else value for name, value in values.items()}


def round_amount(value: Any) -> Any:
    if isinstance(value, float) and 0 < value < 10**15:
        return float(round(Decimal(value), 2))
    return value
