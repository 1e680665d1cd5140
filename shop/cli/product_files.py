"""Files of products: CSV with a header, or one JSON object per line."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal, InvalidOperation
from functools import partial
from json import JSONDecodeError
from pathlib import Path
from typing import IO, Any

import orjson

from shop.cli.common import CommandError
from shop.domain.product import Product
from shop.model.money import Currency
from shop.services.imports import Row

COLUMNS = ["name", "description", "price", "stock"]
REQUIRED_COLUMNS = {"name", "price"}
MAX_LINE_BYTES = 1024 * 1024
NUMBER_PATTERNS = {
    "price": re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,9})?"),
    "stock": re.compile(r"-?[0-9]{1,18}"),
}


class FileError(CommandError):
    """The whole file is unusable."""


def read_lines(file: IO[bytes], advance: Callable[[int], Any]) -> Iterator[str]:
    """Yield the lines of a file; raise FileError for a line that is too long."""
    line_number = 0
    while line := file.readline(MAX_LINE_BYTES):
        line_number += 1
        advance(len(line))
        if len(line) >= MAX_LINE_BYTES:
            raise FileError(f"line {line_number} is longer than a MiB")
        yield line.decode("utf-8-sig" if line_number == 1 else "utf-8", errors="surrogateescape")


def read_rows(
    path: Path, file: IO[bytes], currency: Currency, advance: Callable[[int], Any]
) -> Iterator[Row]:
    """Yield each row with its line number; an invalid row is yielded as a ValueError."""
    read_format = {".csv": read_csv, ".jsonl": read_jsonl}[get_suffix(path)]
    for line_number, row in read_format(read_lines(file, advance)):
        yield line_number, row if isinstance(row, ValueError) else convert_row(row, currency)


def get_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".jsonl"):
        raise FileError("the file must be a .csv or a .jsonl")
    return suffix


def read_csv(texts: Iterable[str]) -> Iterator[Row]:
    reader = csv.reader(texts, strict=True)
    columns = read_header(reader)
    while True:
        line_number = reader.line_num + 1  # the first line of the row; quoted cells can span lines
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield line_number, ValueError(explain_csv_error(error))
            continue
        if cells is None:
            return
        if cells:
            yield line_number, parse_cells(columns, cells)


def explain_csv_error(error: csv.Error) -> str:
    """Return what is wrong with a row, in the same words for all versions of Python."""
    return "a cell with a line end needs quotes" if "new-line" in str(error) else str(error)


def read_header(reader: Iterator[list[str]]) -> list[str]:
    try:
        columns = next(reader, [])
    except csv.Error:
        columns = []
    if not REQUIRED_COLUMNS <= set(columns) <= set(COLUMNS) or len(set(columns)) < len(columns):
        raise FileError(f"the first line must name the columns: {','.join(COLUMNS)}")
    return columns


def parse_cells(columns: list[str], cells: list[str]) -> dict[str, Any] | ValueError:
    """Return the members of a row; empty cells are left out."""
    if len(cells) != len(columns):
        return ValueError("it has more or fewer cells than the first line")
    row = zip(columns, cells, strict=True)
    return {name: parse_cell(name, text) for name, text in row if text or name == "name"}


def parse_cell(name: str, text: str) -> str | int | Decimal:
    """Return a cell as a number if it is one; other text is left for the schema to reject."""
    if name not in NUMBER_PATTERNS or not NUMBER_PATTERNS[name].fullmatch(text):
        return text
    return Decimal(text) if name == "price" else int(text)


def read_jsonl(texts: Iterable[str]) -> Iterator[Row]:
    for line_number, text in enumerate(texts, 1):
        if text.strip():
            yield line_number, parse_json_row(text.rstrip("\r\n"))


def parse_json_row(text: str) -> dict[str, Any] | ValueError:
    try:
        row = json.loads(
            text, parse_int=parse_number, parse_float=parse_number, object_pairs_hook=reject_duplicate_members
        )
    except JSONDecodeError as error:
        return ValueError(f"it is not JSON: {error.msg.removesuffix(' at')} at column {error.colno}")
    except RecursionError:
        return ValueError("it is nested too deeply")
    except InvalidOperation:
        return ValueError("a number in it has too large an exponent")
    except ValueError as error:
        return error
    return row if isinstance(row, dict) else ValueError("it is not a JSON object")


def parse_number(text: str) -> int | Decimal:
    if len(text) > 40:
        raise ValueError("a number in it has too many digits")
    return int(text) if text.lstrip("-").isdigit() else Decimal(text)


def reject_duplicate_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Reject a JSON object with duplicate members, because parsers differ in which one they keep."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("it has two members of the same name")
    return dict(pairs)


def is_unicode(row: dict[str, Any]) -> bool:
    try:
        "".join(value for value in row.values() if isinstance(value, str)).encode()
    except UnicodeError:
        return False
    return True


def convert_row(row: dict[str, Any], currency: Currency) -> dict[str, Any] | ValueError:
    """Return the row with its price in minor units, if the conversion is exact."""
    if not is_unicode(row):
        return ValueError("it is not text in UTF-8")
    price = row.get("price")
    if type(price) in (int, Decimal):
        try:
            return {**row, "price": currency.to_minor_units(price)}
        except ValueError:
            return {**row, "price": str(price)}
    return row


def write_products(path: Path, file: IO[str], products: Iterable[Product], currency: Currency) -> int:
    """Write products in the format that `read_rows` reads, and return their number."""
    write_row = create_row_writer(path, file)
    count = 0
    for count, product in enumerate(products, 1):  # noqa: B007
        write_row([product.name, product.description, currency.to_decimal(product.price), product.stock])
    return count


def create_row_writer(path: Path, file: IO[str]) -> Callable[[list[Any]], Any]:
    if get_suffix(path) == ".csv":
        # With CR LF line ends, because otherwise it does not quote a CR in a cell.
        csv_writer = csv.writer(file)
        csv_writer.writerow(COLUMNS)
        return csv_writer.writerow
    return partial(write_json_row, file)


def write_json_row(file: IO[str], cells: list[Any]) -> None:
    file.write(orjson.dumps(dict(zip(COLUMNS, cells, strict=True)), default=float).decode() + "\n")
