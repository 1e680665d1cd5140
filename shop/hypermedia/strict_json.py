"""JSON read strictly, with numbers as exact as they were written."""

from decimal import Decimal, InvalidOperation
from json import loads
from typing import Any, NoReturn

from werkzeug.exceptions import BadRequest

MAX_DEPTH = 20


def refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member is there twice")
    return members


def parse_integer(digits: str) -> int:
    if len(digits) > 300:
        raise ValueError("a number is too long")
    return int(digits)


def parse_number(text: str) -> int | Decimal:
    """Return a number; 3.0 is the integer 3, as in JSON Schema."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise ValueError("a number is too large") from None
    return int(found) if found.adjusted() < 20 and found == found.to_integral_value() else found


def refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def check_depth(value: Any, depth: int = 0) -> None:
    """Refuse what nests too deep and text that no database could keep."""
    if depth > MAX_DEPTH:
        raise ValueError(f"it nests deeper than {MAX_DEPTH}")
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict | list):
        for each in [*value, *value.values()] if isinstance(value, dict) else value:
            check_depth(each, depth + 1)


def parse_json(body: bytes) -> dict[str, Any]:
    try:
        document = loads(
            body.decode(),
            object_pairs_hook=refuse_repeated,
            parse_int=parse_integer,
            parse_float=parse_number,
            parse_constant=refuse_constant,
        )
        check_depth(document)
    except UnicodeError:
        raise BadRequest("The body is not text in UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body is not the JSON that is asked for: {error}.") from None
    if not isinstance(document, dict):
        raise BadRequest("The body must be a JSON object.")
    return document
