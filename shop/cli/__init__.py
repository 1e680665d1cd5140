"""The `shop` command. Exit codes: 0 done, 1 refused or failed, 2 wrong usage; never a traceback."""

import sys

import click
from flask.cli import ScriptInfo
from sqlalchemy.exc import SQLAlchemyError

from shop.cli import accounts, grpc, hooks, lint, maintenance, products, serve
from shop.cli.common import describe_database_error, to_one_line
from shop.cli.migrations import LazyGroup, create_migratable_app
from shop.model.errors import Conflict, DomainError
from shop.settings import SettingsError
from shop.storage.database import translate_error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A small shop behind hypermedia links."""


COMMANDS = (
    serve.run_demo, serve.initialize, serve.serve_http, accounts.user_commands,
    products.import_file, products.export_file,
    maintenance.back_up_database, maintenance.check_database, maintenance.purge_expired,
    lint.lint_api, grpc.serve_grpc, hooks.deliver_events,
)  # fmt: skip
for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Run the command and print every error as one line."""
    try:
        cli(obj=ScriptInfo(create_app=create_migratable_app), standalone_mode=True)
    except (SettingsError, DomainError) as error:
        exit_with_error(str(error))
    except SQLAlchemyError as error:
        domain_error = translate_error(error)
        exit_with_error(
            str(domain_error) if isinstance(domain_error, Conflict) else describe_database_error(error)
        )
    except UnicodeError:
        exit_with_error("the input is not text in UTF-8")
    except OSError as error:
        exit_with_error(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))


def exit_with_error(reason: str) -> None:
    click.echo(f"shop: {to_one_line(reason)}", err=True)
    sys.exit(1)
