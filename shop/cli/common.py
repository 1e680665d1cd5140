"""What every command shares: how it refuses, and the database that it works on."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from shop.domain.moves import STAFF
from shop.services.context import Actor, Context
from shop.settings import Settings

OPERATOR = Actor(0, STAFF, "")  # whoever may run this command owns the database anyway


class Refusal(click.ClickException):
    """One line on stderr, and exit code 1."""

    def show(self, file: Any = None) -> None:
        click.echo(f"shop: {line(self.format_message())}", err=True)


def line(said: str) -> str:
    """One line of what may come from a file or a database: no line of its own, no words to the terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in said)[:500]


def settings() -> Settings:
    return current_app.extensions["shop"]


def operator() -> Context:
    return Context(current_app.extensions["sqlalchemy"].session(), OPERATOR)


def on_database(command: Callable[..., None]) -> Callable[..., None]:
    """Run the command where the settings are good and the database is at the newest step."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        if behind := schema():
            raise Refusal(behind)
        command(*args, **kwargs)

    return with_appcontext(run)


def schema() -> str | None:
    """What keeps the database from being served; None when it is at the newest step."""
    script = ScriptDirectory(str(current_app.extensions["migrate"].directory))
    with current_app.extensions["sqlalchemy"].engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    if present == script.get_current_head():
        return None
    return (
        f"the database is at step {present or 'none'}, not {script.get_current_head()}: run `shop db upgrade`"
    )


def cause(error: SQLAlchemyError) -> str:
    """What the database itself says, in its first line."""
    return f"the database refuses: {getattr(error, 'orig', None) or error}".splitlines()[0]
