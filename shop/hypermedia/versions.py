"""The versions of an API: they differ in how money is written, and each may have a last day.

Money is a number, or an object with its currency. Nothing is ever rounded.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from flask import Response, request
from werkzeug.http import http_date

from shop.hypermedia.request import request_state
from shop.hypermedia.runtime import get_service
from shop.hypermedia.url_scope import API_PATH
from shop.model.money import MAX_MONEY, MAX_TOTAL, Currency


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
    if not -MAX_TOTAL <= amount <= MAX_TOTAL:
        return Decimal(amount)
    minor, step = round(amount * 10**currency.decimals), float(currency.to_decimal(1))
    return minor if amount == Decimal(repr(minor * step)) else amount


def write_number(minor: int, currency: Currency) -> int | float:
    return minor / currency.scale if currency.decimals else minor


def build_number_schema(currency: Currency, maximum: int = MAX_MONEY) -> dict[str, Any]:
    kind = "number" if currency.decimals else "integer"
    return {
        "type": kind,
        "minimum": 0,
        "maximum": write_number(maximum, currency),
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


def build_amount_pattern(currency: Currency, maximum: int = MAX_MONEY) -> str:
    decimals = rf"(\.[0-9]{{1,{currency.decimals}}})?" if currency.decimals else ""
    return rf"[0-9]{{1,{len(str(maximum)) - currency.decimals}}}{decimals}"


def build_labelled_schema(currency: Currency, maximum: int = MAX_MONEY) -> dict[str, Any]:
    amount = {"type": "string", "pattern": f"^{build_amount_pattern(currency, maximum)}$"}
    return {
        "type": "object",
        "required": ["amount", "currency"],
        "additionalProperties": False,
        "properties": {"amount": amount, "currency": {"type": "string", "enum": [str(currency)]}},
        "examples": [write_labelled(24900, currency)],
    }


@dataclass(frozen=True)
class Version:
    name: str
    since: date
    write_money: Callable[[int, Currency], Any] = write_number
    read_money: Callable[[Any, Currency], Any] = read_number
    build_money_schema: Callable[..., dict[str, Any]] = build_number_schema

    @property
    def has_labelled_money(self) -> bool:
        return self.write_money is write_labelled


def build_labelled_version(name: str, since: date) -> Version:
    """Return a version that writes money as an object with its currency."""
    return Version(name, since, write_labelled, read_labelled, build_labelled_schema)


def announce_sunset(response: Response) -> Response:
    """Announce the last day of a version (RFC 9745, RFC 8594).

    It is deprecated since its successor came, or since that day.
    """
    service, version = get_service(), request_state().version
    last = service.sunsets.get(version.name)
    if last and API_PATH.match(request.path):
        successor = service.get_successor(version)
        began = datetime.combine(min(successor.since, last), time.min, UTC)
        response.headers["Deprecation"] = f"@{int(began.timestamp())}"
        response.headers["Sunset"] = http_date(datetime.combine(last, time(23, 59, 59), UTC))
        response.headers.add("Link", f'<{build_url_in(successor.name)}>; rel="successor-version"')
        for rel in ("deprecation", "sunset"):
            response.headers.add(
                "Link", f'<{request_state().root}/profile#versions>; rel="{rel}"; type="text/html"'
            )
    return response


def build_url_in(version: str) -> str:
    """Return this place in a version, quoted: a path may hold what would end the header or add a link."""
    place = API_PATH.match(request.path)
    rest = request.path[place.end(1) if place[1] else len("/api") :]
    return f"{request_state().root}/api/{version}{quote(rest)}"
