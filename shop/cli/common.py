"""What every command shares: how it refuses, and the database that it works on."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from shop.settings import Settings
from shop.storage.migration_state import describe_lag, get_revision, list_revisions
from shop.storage.transactions import OPERATOR, Context


class Refusal(click.ClickException):
    """One line on stderr, and exit code 1."""

    def show(self, file: Any = None) -> None:
        click.echo(f"shop: {line(self.format_message())}", err=True)


def line(said: str) -> str:
    """One line of what may come from a file or a database: no line of its own, no words to the terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in said)[:500]


def settings() -> Settings:
    return current_app.extensions["shop"]


def engine() -> Engine:
    return current_app.extensions["sqlalchemy"].engine


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


def known() -> list[str]:
    return list_revisions(current_app.extensions["migrate"].directory)


def schema() -> str | None:
    """What keeps the database from being served; None when nothing does."""
    behind = describe_lag(get_revision(engine()), known())
    return behind and f"the database is {behind}: run `shop db upgrade`"


def cause(error: SQLAlchemyError) -> str:
    """What the database itself says, in its first line."""
    return f"the database refuses: {getattr(error, 'orig', None) or error}".splitlines()[0]
