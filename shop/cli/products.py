"""Commands that import and export products."""

import sys
from contextlib import nullcontext
from pathlib import Path

import click

from shop.cli import product_files
from shop.cli.common import (
    CommandError,
    create_operator_context,
    get_settings,
    require_current_schema,
    to_one_line,
)
from shop.services import imports


@click.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--skip-bad", is_flag=True, help="Import the valid lines even if others are invalid.")
@require_current_schema
def import_file(path: Path, skip_bad: bool) -> None:
    """Import products from a .csv or .jsonl file: all of them or none."""
    size = path.stat().st_size
    is_terminal = sys.stderr.isatty()
    with (
        path.open("rb") as file,
        click.progressbar(length=size, file=sys.stderr) if is_terminal else nullcontext() as progress_bar,
    ):
        advance = progress_bar.update if progress_bar else lambda _: None
        rows = product_files.read_rows(path, file, get_settings().currency, advance)
        try:
            ctx = create_operator_context()
            imported, skipped = imports.import_products(ctx, rows, report_bad_line, skip_bad=skip_bad)
        except imports.ImportRefused as error:
            raise CommandError(str(error)) from None
    click.echo(f"{imported} products imported, {skipped} lines skipped.")


def report_bad_line(number: int, reason: str) -> None:
    click.echo(f"line {number}: {to_one_line(reason)}", err=True)


@click.command("export")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@require_current_schema
def export_file(path: Path) -> None:
    """Export all products to a .csv or .jsonl file that `import` can read."""
    try:
        file = path.open("x", encoding="utf-8", newline="")
    except FileExistsError:
        raise CommandError(f"{path} already exists; it was not changed") from None
    try:
        with file:
            products = imports.iterate_products(create_operator_context())
            count = product_files.write_products(path, file, products, get_settings().currency)
    except BaseException:  # an incomplete file must not be taken for a complete one
        path.unlink()
        raise
    click.echo(f"{count} products exported.")
