"""Looking after the data."""

from pathlib import Path

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from shop.cli.common import Refusal, cause, engine, known, line, on_database, operator, schema, settings
from shop.services import housekeeping
from shop.storage.backup import back_up, find_integrity_errors
from shop.storage.migration_state import find_drift, get_revision


@click.command()
@on_database
def purge() -> None:
    """Cancel orders that were not paid in time; forget old answers to repeated requests, and old changes."""
    times = {"unpaid_hours": settings().unpaid_hours, "changes_days": settings().changes_days}
    for what, count in housekeeping.clean_up(operator(), **times).items():
        click.echo(f"{count} {what}.")


@click.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@on_database
def backup(path: Path) -> None:
    """Copy the SQLite database to a file, whole, while the shop is open."""
    back_up(engine(), path)
    click.echo(f"{path} holds all that was there.")


@click.command()
@with_appcontext
def check() -> None:
    """Report on settings, schema and integrity; end with 1 if something is wrong."""
    wrong = 0
    click.echo("settings   ok")
    for name, examine in (("schema", structure), ("integrity", integrity)):
        try:
            flaw = examine()
        except SQLAlchemyError as error:
            flaw = cause(error)
        click.echo(f"{name:10} {line(flaw or 'ok')}")
        wrong += bool(flaw)
    if wrong:
        raise Refusal("the check found something wrong")


def structure() -> str | None:
    if (flaw := schema()) or get_revision(engine()) != known()[
        0
    ]:  # what a newer version made is not ours to judge
        return flaw
    return "; ".join(find_drift(engine())[:5]) or None


def integrity() -> str | None:
    return "; ".join(find_integrity_errors(engine())[:5]) or None
