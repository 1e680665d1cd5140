"""The products of the benchmarks, computed from their numbers, so that every run has the same.

This imports nothing of the shop, because the other contestants import it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

COMMON, RARE = "oak", "zebrano"
FINISHES = ("Oiled", "Waxed", "Painted", "Smoked", "Brushed", "Raw", "Lacquered")
WOODS = ("oak", "ash", "beech", "birch", "cherry", "elm", "larch", "maple", "pine", "walnut")
THINGS = ("desk", "stool", "bench", "shelf", "table", "chair", "lamp", "box", "frame", "tray", "bowl")
HALVES = ("indoors", "outdoors")  # each is a word of half of the catalogue
RARE_NUMBERS = {7, 499, 983}  # the same three in a catalogue of any size
FIRST_DATE = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 10_000


def build_product(number: int) -> dict[str, Any]:
    """Build the product of this number; its price is in minor units."""
    mixed = number * 2_654_435_761 % 2**32
    wood = RARE if number in RARE_NUMBERS else WOODS[mixed // 97 % len(WOODS)]
    thing = THINGS[mixed // 1013 % len(THINGS)]
    use, width = HALVES[mixed // 7 % 2], mixed % 180 + 20
    return {
        "name": f"{FINISHES[mixed // 31 % len(FINISHES)]} {wood} {thing} {number}",
        "description": f"A {thing} for {use}, {width} cm wide; number {number} of its kind.",
        "price": mixed % 99_900 + 100,
        "stock": 1_000_000 + mixed % 1000,
    }


def build_batches(count: int) -> Iterator[list[dict[str, Any]]]:
    """Yield this many products in batches."""
    numbers = iter(range(1, count + 1))
    while batch := [build_product(number) for number in islice(numbers, BATCH)]:
        yield batch
