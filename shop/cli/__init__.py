"""The `shop` command: exit code 0 when done, 1 when refused, 2 when used wrongly; never a traceback."""

import sys

import click
from flask.cli import ScriptInfo
from flask_migrate.cli import db
from sqlalchemy.exc import SQLAlchemyError

from shop.app import create_app
from shop.cli import accounts, calls, goods, linting, running, upkeep
from shop.cli.common import cause, line
from shop.model.errors import Conflict, DomainError
from shop.settings import SettingsError
from shop.storage.database import translate_error


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A small shop behind hypermedia links."""


for command in (
    running.demo, running.init, running.serve, db, accounts.user, goods.take, goods.give,
    upkeep.backup, upkeep.check, upkeep.purge, linting.lint, calls.serve,
):  # fmt: skip
    cli.add_command(command)


def main() -> None:
    """Run the command; every refusal is one line."""
    try:
        cli(obj=ScriptInfo(create_app=lambda: create_app()), standalone_mode=True)
    except (SettingsError, DomainError) as error:
        stop(str(error))
    except SQLAlchemyError as error:
        known = translate_error(error)
        stop(str(known) if isinstance(known, Conflict) else cause(error))
    except UnicodeError:
        stop("what was given is not text in UTF-8")
    except OSError as error:
        stop(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))


def stop(reason: str) -> None:
    click.echo(f"shop: {line(reason)}", err=True)
    sys.exit(1)
