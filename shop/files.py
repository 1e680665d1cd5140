"""Products in files: CSV with a header, or a JSON object a line."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import orjson

from shop.domain.money import Currency
from shop.domain.product import Product
from shop.services.imports import Row

FIELDS = ["name", "description", "price", "stock"]
LONGEST = 1024 * 1024
NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,9})?")


class FileError(Exception):
    """The file as a whole cannot be used."""


def lines(file: IO[bytes], advance: Callable[[int], Any]) -> Iterator[str]:
    """The lines of a file, with an end to how long one may be."""
    while line := file.readline(LONGEST):
        advance(len(line))
        if len(line) >= LONGEST:
            raise FileError("a line is longer than a MiB")
        yield line.decode("utf-8-sig" if file.tell() == len(line) else "utf-8", errors="surrogateescape")


def rows(path: Path, file: IO[bytes], currency: Currency, advance: Callable[[int], Any]) -> Iterator[Row]:
    """Each row with the number of its line; what cannot be read is a ValueError in its place."""
    read = {".csv": from_csv, ".jsonl": from_jsonl}.get(path.suffix)
    if read is None:
        raise FileError("the file must be a .csv or a .jsonl")
    for number, row in read(lines(file, advance)):
        yield number, row if isinstance(row, ValueError) else priced(row, currency)


def from_csv(texts: Iterable[str]) -> Iterator[Row]:
    reader = csv.DictReader(texts, restkey="…", strict=True)
    if not reader.fieldnames or not set(reader.fieldnames) <= set(FIELDS):
        raise FileError(f"the first line must name the columns: {','.join(FIELDS)}")
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield reader.line_num, ValueError(str(error))
            continue
        if row is None:
            return
        yield reader.line_num, whole(row)


def whole(row: dict[str, Any]) -> dict[str, Any] | ValueError:
    """A row of text as the words of a shape: an empty cell says nothing."""
    if "…" in row or None in row.values():
        return ValueError("it has more or fewer cells than the first line")
    if not sound(row):
        return ValueError("it is not text in UTF-8")
    number = {name: Decimal(text) for name, text in row.items() if name == "price" and NUMBER.fullmatch(text)}
    number |= {
        name: int(text)
        for name, text in row.items()
        if name == "stock" and text.isdecimal() and len(text) < 19
    }
    return {name: text for name, text in {**row, **number}.items() if text != "" or name == "name"}


def from_jsonl(texts: Iterable[str]) -> Iterator[Row]:
    for number, text in enumerate(texts, 1):
        if text.strip():
            yield number, spoken(text)


def spoken(text: str) -> dict[str, Any] | ValueError:
    try:
        row = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        return ValueError(f"it is not JSON: {error}")
    if not isinstance(row, dict):
        return ValueError("it is not a JSON object")
    return row if sound(row) else ValueError("it is not text in UTF-8")


def sound(row: dict[str, Any]) -> bool:
    try:
        "".join(each for each in row.values() if isinstance(each, str)).encode()
    except UnicodeError:
        return False
    return True


def priced(row: dict[str, Any], currency: Currency) -> dict[str, Any]:
    """The row with its price in minor units, where that is exact."""
    price = row.get("price")
    if type(price) in (int, Decimal):
        try:
            return {**row, "price": currency.minor(price)}
        except ValueError:
            return {**row, "price": str(price)}
    return row


def write(path: Path, file: IO[str], products: Iterable[Product], currency: Currency) -> int:
    """Write products as `rows` reads them; how many there were."""
    put = writer(path, file)
    count = 0
    for count, product in enumerate(products, 1):  # noqa: B007
        put([product.name, product.description, currency.major(product.price), product.stock])
    return count


def writer(path: Path, file: IO[str]) -> Callable[[list[Any]], Any]:
    if path.suffix == ".csv":
        sheet = csv.writer(file, lineterminator="\n")
        sheet.writerow(FIELDS)
        return sheet.writerow
    if path.suffix == ".jsonl":
        return lambda cells: file.write(
            orjson.dumps(dict(zip(FIELDS, cells, strict=True)), default=float).decode() + "\n"
        )
    raise FileError("the file must be a .csv or a .jsonl")
