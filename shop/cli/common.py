"""What all commands share: errors and access to the database."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from shop.app import find_migrations
from shop.runtime import get_runtime
from shop.settings import Settings
from shop.storage.migration_state import describe_lag, get_revision, list_revisions
from shop.storage.transactions import OPERATOR, Context


class CommandError(click.ClickException):
    """An error: one line on stderr and exit code 1."""

    def show(self, file: Any = None) -> None:
        click.echo(f"shop: {to_one_line(self.format_message())}", err=True)


def to_one_line(text: str) -> str:
    """Return untrusted text without line ends and control characters, in at most 500 characters."""
    shown = (each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    return "".join(shown)[:500]


def get_settings() -> Settings:
    return get_runtime().settings


def get_engine() -> Engine:
    return get_runtime().engine


def create_operator_context() -> Context:
    return Context(current_app.extensions["sqlalchemy"].session(), OPERATOR)


def require_current_schema(command: Callable[..., None]) -> Callable[..., None]:
    """Decorate a command so that it runs only if the settings are valid and the schema is current."""

    @wraps(command)
    def run_command(*args: Any, **kwargs: Any) -> None:
        check_schema()
        command(*args, **kwargs)

    return with_appcontext(run_command)


def list_known_revisions() -> list[str]:
    return list_revisions(find_migrations())


def check_schema() -> None:
    if schema_error := find_schema_error():
        raise CommandError(schema_error)


def find_schema_error() -> str | None:
    """Return why the schema is not current, or None."""
    schema_error = describe_lag(get_revision(get_engine()), list_known_revisions())
    return schema_error and f"the database is {schema_error}: run `shop db upgrade`"


def describe_database_error(error: SQLAlchemyError) -> str:
    """Return the first line of the database's own message."""
    return f"the database refuses: {getattr(error, 'orig', None) or error}".splitlines()[0]
