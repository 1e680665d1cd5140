"""The catalogue, in and out of files."""

import sys
from contextlib import nullcontext
from pathlib import Path

import click

from shop import files
from shop.cli.common import Refusal, line, on_database, operator, settings
from shop.services import imports


@click.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--skip-bad", is_flag=True, help="Take the good lines even if some are bad.")
@on_database
def take(path: Path, skip_bad: bool) -> None:
    """Take products from a .csv or .jsonl file: all of them, or none."""
    size = path.stat().st_size
    shown = sys.stderr.isatty()
    with (
        path.open("rb") as file,
        click.progressbar(length=size, file=sys.stderr) if shown else nullcontext() as bar,
    ):
        rows = files.rows(path, file, settings().currency, bar.update if bar else lambda _: None)
        try:
            good, bad = imports.import_products(operator(), rows, complain, skip_bad=skip_bad)
        except (files.FileError, imports.Refused) as error:
            raise Refusal(str(error)) from None
    click.echo(f"{good} products imported, {bad} lines skipped.")


def complain(number: int, reason: str) -> None:
    click.echo(f"line {number}: {line(reason)}", err=True)


@click.command("export")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@on_database
def give(path: Path) -> None:
    """Write all products to a .csv or .jsonl file, as `import` reads them."""
    try:
        file = path.open("x", encoding="utf-8", newline="")
    except FileExistsError:
        raise Refusal(f"{path} is there already; it is left as it is") from None
    try:
        with file:
            count = files.write(path, file, imports.iterate_products(operator()), settings().currency)
    except BaseException as error:  # half a catalogue must not pass for a whole one
        path.unlink()
        if isinstance(error, files.FileError):
            raise Refusal(str(error)) from None
        raise
    click.echo(f"{count} products exported.")
