"""Looking after the data."""

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from shop.cli.common import Refusal, cause, line, on_database, operator, schema
from shop.services import replays


@click.command()
@on_database
def purge() -> None:
    """Forget the answers kept for repeated requests that have expired."""
    click.echo(f"{replays.sweep(operator())} answers forgotten.")


@click.command()
@with_appcontext
def check() -> None:
    """Report on settings, schema and integrity; end with 1 if something is wrong."""
    wrong = 0
    click.echo("settings   ok")
    for examine in (schema, integrity):
        try:
            flaw = examine()
        except SQLAlchemyError as error:
            flaw = cause(error)
        click.echo(f"{examine.__name__:10} {line(flaw or 'ok')}")
        wrong += bool(flaw)
    if wrong:
        raise Refusal("the check found something wrong")


def integrity() -> str | None:
    engine = current_app.extensions["sqlalchemy"].engine
    if engine.dialect.name != "sqlite":
        return None
    with engine.connect() as connection:
        flaws = [row[0] for row in connection.execute(text("PRAGMA integrity_check")) if row[0] != "ok"]
        flaws += [
            f"{row[0]}: a row refers to nothing"
            for row in connection.execute(text("PRAGMA foreign_key_check"))
        ]
    return "; ".join(map(str, flaws[:5])) or None
