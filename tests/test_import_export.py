"""Importing and exporting products: an import is complete or has no effect, and an export can be imported again."""

import json
import os
import pty
import subprocess
import sys
import time
from contextlib import suppress
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from shop.cli import product_files
from shop.domain.product import MAX_STOCK, Product
from shop.model.money import MAX_MONEY, Currency
from shop.services import imports
from tests.conftest import empty_database

SHOP = Path(sys.executable).with_name("shop")
USD = Currency("USD")
HEADER = "name,description,price,stock\n"


@pytest.fixture
def import_file(run, empty_folder, app, database_url):
    """Imports a file of this content, on either database."""

    def call(content: str | bytes, *options: str, name: str = "goods.csv"):
        (empty_folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return run("import", name, *options, database_url=database_url)

    return call


@pytest.fixture
def read_catalogue(app):
    """Returns the products of the catalogue. No app context stays open, because the command would use its app."""

    def read():
        columns = select(Product.name, Product.description, Product.price, Product.stock)
        with app.app_context():
            found = app.extensions["sqlalchemy"].session.execute(columns.order_by(Product.id))
            return [tuple(row) for row in found]

    return read


def find_errors(content: str | bytes, name: str = "goods.csv") -> list[tuple[int, str]]:
    """Return the bad lines of a file with the reasons; this needs no database."""
    raw, found = content if isinstance(content, bytes) else content.encode(), []
    for number, row in product_files.read_rows(Path(name), BytesIO(raw), USD, lambda _: None):
        try:
            imports.load_row(row)
        except ValueError as error:
            found.append((number, str(error)))
    return found


# ---- Both databases --------------------------------------------------------------------------------

GOODS = [("Walnut desk", "Oiled, 140 cm.", 24900, 12), ("Lamp, green", "", 1, 0)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("goods.csv", HEADER + 'Walnut desk,"Oiled, 140 cm.",249.00,12\n"Lamp, green",,0.01,\n'),
        ("GOODS.CSV", "stock,price,name,description\r\n12,249,Walnut desk,\"Oiled, 140 cm.\"\r\n0,0.01,\"Lamp, green\",\r\n"),
        ("goods.jsonl", '{"name":"Walnut desk","description":"Oiled, 140 cm.","price":249,"stock":12}\n\n{"name":"Lamp, green","price":0.01}'),
    ],
)  # fmt: skip
def test_a_file_becomes_the_catalogue(import_file, read_catalogue, name, content):
    result = import_file(content, name=name)
    assert (result.out, result.err, read_catalogue()) == (
        "2 products imported, 0 lines skipped.\n",
        "",
        GOODS,
    )


BAD = HEADER + "Walnut desk,,249.00,12\nPine stool,,39.505,4\nLamp,,20,-1\n,,5,1\nShelf,,80,3\n"


def test_one_bad_line_is_enough_to_take_nothing(import_file, read_catalogue):
    assert (import_file(BAD).code, read_catalogue()) == (1, [])


def test_every_bad_line_is_named_with_its_number_and_its_reason(import_file):
    assert import_file(BAD).err.splitlines() == [
        "line 3: price: It must be an exact amount of money: nothing is rounded.",
        "line 4: stock: Must be greater than or equal to 0 and less than or equal to 2147483647.",
        "line 5: name: Length must be between 1 and 100. It must be plain text without control characters.",
        "shop: 3 bad lines; nothing was imported (--skip-bad imports the others)",
    ]


def test_good_lines_can_be_taken_without_the_bad_ones(import_file, read_catalogue):
    result = import_file(BAD, "--skip-bad")
    assert (result.code, result.out, [row[0] for row in read_catalogue()]) == (
        0, "2 products imported, 3 lines skipped.\n", ["Walnut desk", "Shelf"],
    )  # fmt: skip


def test_a_bad_line_after_thousands_of_good_ones_takes_them_all_back(import_file, read_catalogue):
    good = "".join(f"Thing {number},,1,1\n" for number in range(2500))
    assert (
        import_file(HEADER + good + "Bad,,x,1\n").err.startswith("line 2502: price:"),
        read_catalogue(),
    ) == (True, [])


def test_a_line_without_end_after_thousands_of_good_ones_takes_them_all_back(import_file, read_catalogue):
    good = "".join(f"Thing {number},,1,1\n" for number in range(2500))
    assert (
        import_file(HEADER + good + "x" * product_files.MAX_LINE_BYTES, "--skip-bad").code,
        read_catalogue(),
    ) == (1, [])


def test_an_import_adds_to_what_is_there(import_file, read_catalogue, product):
    product("Older")
    import_file(HEADER + "Newer,,1,1\n")
    assert [row[0] for row in read_catalogue()] == ["Older", "Newer"]


def test_products_that_were_imported_can_be_found(import_file, client):
    import_file(HEADER + "Wälnut Desk,,1,1\n")
    assert client.get("/api/v1/products?q=WÄLNUT").json["total"] == 1


def test_a_price_is_read_in_the_currency_of_the_shop(run, empty_folder, app, database_url, read_catalogue):
    (empty_folder / "a.csv").write_text("name,price\nTea,300\n")
    run("import", "a.csv", database_url=database_url, currency="JPY")
    assert read_catalogue() == [("Tea", "", 300, 0)]


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_what_is_exported_can_be_imported_again(run, import_file, read_catalogue, app, database_url, name):
    import_file("".join(json.dumps({"name": n, "description": d, "price": 2.5, "stock": 7}) + "\n" for n, d in ODD),
         name="odd.jsonl")  # fmt: skip
    before = read_catalogue()
    run("export", name, database_url=database_url)
    empty_database(app)
    run("import", name, database_url=database_url)
    assert (len(before), read_catalogue()) == (len(ODD), before)


ODD = [
    ('The "best" desk, ever', 'He said: "1,2\n3"\r\nand\rwent'), (" spaces ", "\n"), ("Ünïcödé 🪑\u200d", "\u2028\ufeff"),
    ("=1+1", "'"), ("null", "\t"), ("\\n", "\\"), (",", '"'), ("…", ""),
]  # fmt: skip


def test_retired_products_are_not_exported(run, staff, desk, database_url, empty_folder):
    staff.delete(desk)
    run("export", "out.jsonl", database_url=database_url)
    assert (empty_folder / "out.jsonl").read_text() == ""


# ---- Export and import of any text -----------------------------------------------------------------

ANY_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
PLAIN_CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"])
PRODUCTS = st.builds(
    lambda name, description, price, stock: Product(name=name, description=description, price=price, stock=stock),
    name=st.text(PLAIN_CHARACTERS, min_size=1, max_size=100).filter(lambda text: text.strip(" ")),
    description=st.text(ANY_CHARACTERS | st.sampled_from('",\n\r\\'), max_size=200),
    price=st.integers(0, MAX_MONEY),
    stock=st.integers(0, MAX_STOCK),
)  # fmt: skip


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@given(goods=st.lists(PRODUCTS, max_size=5), currency=st.sampled_from(["USD", "JPY", "KWD"]).map(Currency))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_export_reads_back_as_the_same_products(suffix, goods, currency):
    path, written = Path(f"goods{suffix}"), StringIO(newline="")
    product_files.write_products(path, written, goods, currency)
    read = product_files.read_rows(path, BytesIO(written.getvalue().encode()), currency, lambda _: None)
    assert [imports.load_row(row) for _, row in read] == [
        {name: getattr(each, name) for name in product_files.COLUMNS} for each in goods
    ]


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.jsonl"]))
@settings(max_examples=300, deadline=None)
def test_no_file_whatever_is_in_it_does_more_than_be_refused(content, name):
    with suppress(product_files.FileError):
        assert all(number > 0 and reason for number, reason in find_errors(content, name))
        assert all(number > 1 and reason for number, reason in find_errors(HEADER.encode() + content))


# ---- Hostile files ---------------------------------------------------------------------------------

TOO_LONG = f"{'9' * 5000}"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("not json", "it is not JSON: Expecting value at column 1"),
        ('{"name": "a"', "it is not JSON: Expecting ',' delimiter at column 13"),
        ('{"name": "a\x01", "price": 1}', "it is not JSON: Invalid control character at column 12"),
        ("[]", "it is not a JSON object"),
        ("null", "it is not a JSON object"),
        ("[" * 100_000, "it is nested too deeply"),
        ('{"name":' * 100_000, "it is nested too deeply"),
        (f'{{"name": "a", "price": {TOO_LONG}}}', "a number in it has too many digits"),
        (f'{{"name": "a", "price": 1, "stock": -{TOO_LONG}}}', "a number in it has too many digits"),
        ('{"name": "a", "price": 1e99999999999999999999}', "a number in it has too large an exponent"),
        ('{"name": "a", "price": 1, "price": 2}', "it has two members of the same name"),
        ('{"name": "\\ud800", "price": 1}', "it is not text in UTF-8"),
        ('{"name": "a", "description": "\\udfff", "price": 1}', "it is not text in UTF-8"),
        ('{"name": "a\\u0000", "price": 1}', "name: It must be plain text without control characters."),
        ('{"name": "a", "price": 1, "description": "\\u0000"}', "description: It must be plain text without control characters."),
        ('{"price": 1}', "name: Missing data for required field."),
        ('{"name": "a"}', "price: Missing data for required field."),
        ('{"name": "a", "price": null}', "price: Field may not be null."),
        ('{"name": "a", "price": 1, "id": 7}', "id: Unknown field."),
        ('{"name": "a", "price": 1, "stock": 1.0}', "stock: Not a valid integer."),
        ('{"name": "a", "price": 1, "stock": "1"}', "stock: Not a valid integer."),
        ('{"name": "a", "price": 1, "stock": true}', "stock: Not a valid integer."),
        *[(f'{{"name": "a", "price": {price}}}', "price: It must be an exact amount of money: nothing is rounded.")
          for price in ("NaN", "Infinity", "true", '"1"', "1.005", "1e400", "[1]", "9" * 40)],
        *[(f'{{"name": "a", "price": {price}}}', "price: The amount is out of range.") for price in ("-1", "1000000000", "9" * 19)],
    ],
)  # fmt: skip
def test_a_bad_line_of_json_is_refused_for_what_is_wrong_with_it(line, reason):
    good = '{"name": "a", "price": 1}\n'
    assert find_errors(f"{good}\n{line}\n{good}", "goods.jsonl") == [(3, reason)]


MONEY = "price: It must be an exact amount of money: nothing is rounded."


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a,b,1", "it has more or fewer cells than the first line"),
        ("a,b,1,2,3", "it has more or fewer cells than the first line"),
        ("a\0,b,1,2", "name: It must be plain text without control characters."),
        ("a,,1,", None),
        ("a,,,1", "price: Missing data for required field."),
        (f"a,,{TOO_LONG},1", MONEY),
        (f"a,,1,{TOO_LONG}", "stock: Not a valid integer."),
        ("a,,1,1.5", "stock: Not a valid integer."),
        ("a,,1,\u0661", "stock: Not a valid integer."),
        *[(f"a,,{price},1", MONEY) for price in ("\u0661", "1_0", "1e2", " 1", "$1", "1.005", "NaN", "+1", "0x1", ".5")],
        ("a,,-1,1", "price: The amount is out of range."),
        ('"a" b,,1,1', "',' expected after '\"'"),
        ("a\rb,,1,1", "a cell with a line end needs quotes"),
        (f"{'x' * 200_000},,1,1", "field larger than field limit (131072)"),
        (f"{'x' * 101},,1,1", "name: Longer than maximum length 100."),
    ],
)  # fmt: skip
def test_a_bad_line_of_csv_is_refused_for_what_is_wrong_with_it(line, reason):
    found = find_errors(f"{HEADER}a,,1,1\n{line}\na,,1,1\n")
    assert [number for number, _ in found] == ([3] if reason else [])
    assert reason is None or found[0][1].split(":")[0] == reason.split(":")[0]


@pytest.mark.parametrize(
    ("content", "name"), [(HEADER.encode() + b"\xff,,1,1\n", "a.csv"), (b'\n{"name": "\xff", "price": 1}', "a.jsonl")]
)  # fmt: skip
def test_bytes_that_are_not_text_are_refused_where_they_are(content, name):
    assert find_errors(content, name) == [(2, "it is not text in UTF-8")]


def test_a_bad_row_is_named_by_the_line_where_it_begins():
    content = HEADER + 'a,"one\ntwo\nthree",1,1\nb,"one\ntwo",x,1\n\nc,,y,1\n'
    assert [number for number, _ in find_errors(content)] == [5, 8]


def test_a_quote_without_end_is_named_by_the_line_where_it_opens():
    assert find_errors(f'{HEADER}a,,1,1\n"b,,1,1\nc,,1,1\n') == [(3, "unexpected end of data")]


@pytest.mark.parametrize("name", ["goods.csv", "goods.jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_first_word(import_file, read_catalogue, name):
    content = HEADER + "Desk,,1,1\n" if name == "goods.csv" else '{"name": "Desk", "price": 1, "stock": 1}'
    import_file(b"\xef\xbb\xbf" + content.encode(), name=name)
    assert read_catalogue() == [("Desk", "", 100, 1)]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "\n",
        "a,b",
        "name,price,colour",
        "name,stock",
        "name,price,price",
        '"name',
        "name;price",
        "Desk,,1,1",
    ],
)
def test_a_csv_whose_first_line_does_not_name_the_columns_is_refused(header):
    with pytest.raises(
        product_files.FileError, match="the first line must name the columns: name,description,price,stock"
    ):
        find_errors(f"{header}\nDesk,,1,1\n")


def test_a_csv_in_another_encoding_is_refused():
    with pytest.raises(product_files.FileError, match="the first line must name the columns"):
        find_errors((HEADER + "Desk,,1,1\n").encode("utf-16"))


@pytest.mark.parametrize("name", ["goods.txt", "goods", "goods.csv.gz", ".csv"])
def test_a_file_of_another_kind_is_refused(name):
    with pytest.raises(product_files.FileError, match=r"the file must be a \.csv or a \.jsonl"):
        find_errors(HEADER, name)


@pytest.mark.parametrize(("name", "content"), [("a.csv", HEADER), ("a.csv", "name,price"), ("a.jsonl", ""), ("a.jsonl", "\n\n")])  # fmt: skip
def test_a_file_without_products_is_nothing_to_do(name, content):
    assert find_errors(content, name) == []


def test_an_empty_csv_is_refused(import_file):
    assert import_file("").err == "shop: the first line must name the columns: name,description,price,stock\n"


@pytest.mark.parametrize("name", ["goods.csv", "goods.jsonl"])
def test_a_line_without_end_is_refused_before_it_fills_the_memory(name):
    with pytest.raises(product_files.FileError, match="line 2 is longer than a MiB"):
        find_errors(
            f"{HEADER if name == 'goods.csv' else chr(10)}{'x' * product_files.MAX_LINE_BYTES}\n", name
        )


def test_what_a_file_says_cannot_make_lines_of_its_own_or_move_the_cursor(import_file):
    result = import_file(
        '{"name": "a", "price": 1, "x\\nline 9: all is well\\u001b[2J": 1}\n', name="goods.jsonl"
    )
    assert result.err.splitlines()[0] == "line 1: x\ufffdline 9: all is well\ufffd[2J: Unknown field."


# ---- Large files, in separate processes ------------------------------------------------------------


def write_products_file(path: Path, count: int) -> Path:
    with path.open("w") as file:
        file.write(HEADER)
        file.writelines(
            f"Thing {n},Made of words that say what it is,{n % 1000}.99,{n % 50}\n" for n in range(count)
        )
    return path


def measure_import(run, path: Path) -> tuple[int, float]:
    """Return the memory in MB and the seconds that an import takes."""
    run("db", "upgrade", database_url=f"sqlite:///{path}.db")
    code = "import resource, sys; from shop.cli import main\n" \
           "try: main()\n" \
           "finally: sys.stderr.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))"  # fmt: skip
    began = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-c", code, "import", path], capture_output=True, text=True, check=True
    )
    return int(result.stderr) // 1024, time.monotonic() - began


def test_a_hundred_thousand_products_take_no_more_memory_than_a_thousand(run, empty_folder):
    few, _ = measure_import(run, write_products_file(empty_folder / "few.csv", 1_000))
    many, seconds = measure_import(run, write_products_file(empty_folder / "many.csv", 100_000))
    assert many - few < 60
    assert seconds < 60


def test_a_terminal_shows_how_far_an_import_is(run, empty_folder):
    run("db", "upgrade")
    write_products_file(empty_folder / "some.csv", 3_000)
    ours, theirs = pty.openpty()
    with subprocess.Popen([SHOP, "import", "some.csv"], stderr=theirs, stdout=subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = read_terminal(ours)
    assert (process.returncode, "100%" in shown) == (0, True)


def read_terminal(terminal: int) -> str:
    shown = b""
    with suppress(OSError):  # Linux raises this when the other end is closed
        while chunk := os.read(terminal, 65536):
            shown += chunk
    os.close(terminal)
    return shown.decode()


def test_a_log_file_shows_no_progress_bar(run, empty_folder):
    run("db", "upgrade")
    write_products_file(empty_folder / "some.csv", 10)
    assert run("import", "some.csv").err == ""
