"""The versions of an API. They differ in how money is written, and in nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from shop.hypermedia.money_formats import (
    build_labelled_schema,
    build_number_schema,
    read_labelled,
    read_number,
    write_labelled,
    write_number,
)
from shop.model.money import Currency


@dataclass(frozen=True)
class Version:
    name: str
    since: date
    write_money: Callable[[int, Currency], Any] = write_number
    read_money: Callable[[Any, Currency], Any] = read_number
    build_money_schema: Callable[[Currency], dict[str, Any]] = build_number_schema

    @property
    def has_labelled_money(self) -> bool:
        return self.write_money is write_labelled


def build_labelled_version(name: str, since: date) -> Version:
    """Return a version that writes money as an object with its currency."""
    return Version(name, since, write_labelled, read_labelled, build_labelled_schema)
