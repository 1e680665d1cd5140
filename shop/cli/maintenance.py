"""Commands that maintain the data."""

from pathlib import Path

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from shop.cli.common import (
    CommandError,
    create_operator_context,
    describe_database_error,
    find_schema_error,
    get_engine,
    get_settings,
    list_known_revisions,
    require_current_schema,
    to_one_line,
)
from shop.services import housekeeping
from shop.services.deliveries import measure_backlog
from shop.storage.backup import back_up, find_integrity_errors
from shop.storage.migration_state import find_drift, get_revision

MAX_DELIVERY_SECONDS = 300  # that a delivery may be due


@click.command("purge")
@require_current_schema
def purge_expired() -> None:
    """Cancel unpaid orders and delete expired data: stored answers and old changes."""
    times = {"unpaid_hours": get_settings().unpaid_hours, "changes_days": get_settings().changes_days}
    for label, count in housekeeping.clean_up(create_operator_context(), **times).items():
        click.echo(f"{count} {label}.")


@click.command("backup")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@require_current_schema
def back_up_database(path: Path) -> None:
    """Back up the SQLite database to a file while the shop is running."""
    back_up(get_engine(), path)
    click.echo(f"{path} holds a backup of the database.")


@click.command("check")
@with_appcontext
def check_database() -> None:
    """Check settings, schema, integrity and deliveries; exit with 1 if something is wrong."""
    failures = 0
    click.echo("settings   ok")
    checks = (
        ("schema", find_schema_drift),
        ("integrity", find_integrity_error),
        ("hooks", find_delivery_error),
    )
    for name, find_error in checks:
        try:
            error_text = find_error()
        except SQLAlchemyError as error:
            error_text = describe_database_error(error)
        click.echo(f"{name:10} {to_one_line(error_text or 'ok')}")
        failures += bool(error_text)
    if failures:
        raise CommandError("the check found errors")


def find_schema_drift() -> str | None:
    # The schema of a newer version is compatible and is not compared.
    if (error_text := find_schema_error()) or get_revision(get_engine()) != list_known_revisions()[0]:
        return error_text
    return "; ".join(find_drift(get_engine())[:5]) or None


def find_delivery_error() -> str | None:
    """Return what is wrong if deliveries have been due for long: no deliverer runs, or it cannot keep up."""
    if find_schema_error():
        return None
    backlog = measure_backlog(create_operator_context())
    if backlog.oldest_seconds < MAX_DELIVERY_SECONDS:
        return None
    return f"{backlog.count} deliveries are due, one for {backlog.oldest_seconds:.0f} s: run `shop hooks`"


def find_integrity_error() -> str | None:
    return "; ".join(find_integrity_errors(get_engine())[:5]) or None
