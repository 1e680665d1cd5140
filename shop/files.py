"""Products in files: CSV with a header, or a JSON object a line."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal, InvalidOperation
from json import JSONDecodeError
from pathlib import Path
from typing import IO, Any

import orjson

from shop.domain.product import Product
from shop.model.money import Currency
from shop.services.imports import Row

FIELDS = ["name", "description", "price", "stock"]
NEEDED = {"name", "price"}
LONGEST = 1024 * 1024
NUMBER = {"price": re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,9})?"), "stock": re.compile(r"-?[0-9]{1,18}")}


class FileError(Exception):
    """The file as a whole cannot be used."""


def lines(file: IO[bytes], advance: Callable[[int], Any]) -> Iterator[str]:
    """The lines of a file, with an end to how long one may be."""
    number = 0
    while line := file.readline(LONGEST):
        number += 1
        advance(len(line))
        if len(line) >= LONGEST:
            raise FileError(f"line {number} is longer than a MiB")
        yield line.decode("utf-8-sig" if number == 1 else "utf-8", errors="surrogateescape")


def rows(path: Path, file: IO[bytes], currency: Currency, advance: Callable[[int], Any]) -> Iterator[Row]:
    """Each row with the number of its line; what cannot be read is a ValueError in its place."""
    read = {".csv": from_csv, ".jsonl": from_jsonl}[kind(path)]
    for number, row in read(lines(file, advance)):
        yield number, row if isinstance(row, ValueError) else priced(row, currency)


def kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".jsonl"):
        raise FileError("the file must be a .csv or a .jsonl")
    return suffix


def from_csv(texts: Iterable[str]) -> Iterator[Row]:
    reader = csv.reader(texts, strict=True)
    columns = header(reader)
    while True:
        number = reader.line_num + 1  # where a row begins; a quoted cell may end lines below
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield number, ValueError(explain_csv(error))
            continue
        if cells is None:
            return
        if cells:
            yield number, worded(columns, cells)


def explain_csv(error: csv.Error) -> str:
    """Say what is wrong with a row; Python's words for a stray line end differ from version to version."""
    return "a cell with a line end needs quotes" if "new-line" in str(error) else str(error)


def header(reader: Iterator[list[str]]) -> list[str]:
    try:
        columns = next(reader, [])
    except csv.Error:
        columns = []
    if not NEEDED <= set(columns) <= set(FIELDS) or len(set(columns)) < len(columns):
        raise FileError(f"the first line must name the columns: {','.join(FIELDS)}")
    return columns


def worded(columns: list[str], cells: list[str]) -> dict[str, Any] | ValueError:
    """A row of text as the words of a shape: an empty cell says nothing."""
    if len(cells) != len(columns):
        return ValueError("it has more or fewer cells than the first line")
    row = dict(zip(columns, cells, strict=True))
    if not sound(row):
        return ValueError("it is not text in UTF-8")
    return {name: numeric(name, text) for name, text in row.items() if text or name == "name"}


def numeric(name: str, text: str) -> str | int | Decimal:
    """The number that a cell plainly is; all else stays text, for the shape to refuse."""
    if name not in NUMBER or not NUMBER[name].fullmatch(text):
        return text
    return Decimal(text) if name == "price" else int(text)


def from_jsonl(texts: Iterable[str]) -> Iterator[Row]:
    for number, text in enumerate(texts, 1):
        if text.strip():
            yield number, spoken(text.rstrip("\r\n"))


def spoken(text: str) -> dict[str, Any] | ValueError:
    try:
        row = json.loads(text, parse_int=number, parse_float=number, object_pairs_hook=single)
    except JSONDecodeError as error:
        return ValueError(f"it is not JSON: {error.msg.removesuffix(' at')} at column {error.colno}")
    except RecursionError:
        return ValueError("it is nested too deeply")
    except InvalidOperation:
        return ValueError("a number in it has too large an exponent")
    except ValueError as error:
        return error
    if not isinstance(row, dict):
        return ValueError("it is not a JSON object")
    return row if sound(row) else ValueError("it is not text in UTF-8")


def number(text: str) -> int | Decimal:
    if len(text) > 40:
        raise ValueError("a number in it has too many digits")
    return int(text) if text.lstrip("-").isdigit() else Decimal(text)


def single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two members of one name, readers take different ones; so there must not be two."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("it has two members of the same name")
    return dict(pairs)


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
    if kind(path) == ".csv":
        sheet = csv.writer(file)  # its lines end in CR LF, or else it would not quote a CR in a cell
        sheet.writerow(FIELDS)
        return sheet.writerow
    return lambda cells: file.write(
        orjson.dumps(dict(zip(FIELDS, cells, strict=True)), default=float).decode() + "\n"
    )
