"""Errors of input as a list with JSON pointers, short enough to be sent back."""

from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import quote

MAX_ERRORS, MAX_MESSAGE, MAX_POINTER = 20, 300, 200


def shorten(text: str, length: int = MAX_MESSAGE) -> str:
    """Return the text, cut where it is too long to be sent back."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


def list_errors(errors: Any) -> list[dict[str, str]]:
    """Return the first messages with their JSON pointers, and say whether there are more."""
    found = list(islice(iterate_errors(errors), MAX_ERRORS + 1))
    if len(found) > MAX_ERRORS:
        found[MAX_ERRORS:] = [("#", f"There are more errors than these {MAX_ERRORS}.")]
    return [{"detail": shorten(text), "pointer": shorten(pointer, MAX_POINTER)} for pointer, text in found]


def iterate_errors(errors: Any, pointer: str = "#") -> Iterator[tuple[str, str]]:
    """Yield each message with the JSON pointer of what it is about."""
    if isinstance(errors, dict):
        for name, below in errors.items():
            part = shorten(str(name), MAX_POINTER).replace("~", "~0").replace("/", "~1")
            yield from iterate_errors(below, pointer + ("" if name == "_schema" else "/" + quote(part)))
    else:
        yield from ((pointer, str(text)) for text in errors)
