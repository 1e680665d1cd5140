"""Commands for accounts; they work on the database directly."""

import sys

import click
from marshmallow import ValidationError

from shop.cli.common import CommandError, create_operator_context, require_current_schema
from shop.domain.user import CUSTOMER, Registration
from shop.model.moves import STAFF
from shop.services import imports, users


@click.group("user")
def user_commands() -> None:
    """Manage accounts."""


@user_commands.command("add")
@click.argument("name")
@click.option("--email", required=True)
@click.option("--role", type=click.Choice([STAFF, CUSTOMER]), default=CUSTOMER, show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin, not from a prompt.")
@require_current_schema
def add_account(name: str, email: str, role: str, password_stdin: bool) -> None:
    """Create an account."""
    create_account(name, email, role, read_new_password(password_stdin))
    click.echo(f"{name} is {role}.")


@user_commands.command("disable")
@click.argument("name")
@require_current_schema
def disable_account(name: str) -> None:
    """Disable an account and end its logins."""
    users.disable_user(create_operator_context(), name)
    click.echo(f"{name} is disabled.")


def read_new_password(stdin: bool = False) -> str:
    """Read a password: twice from a person, once from a pipe."""
    if stdin or not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return click.prompt("Password", hide_input=True, confirmation_prompt=True)


def create_account(name: str, email: str, role: str, password: str) -> None:
    try:
        data = Registration().load({"username": name, "email": email, "password": password})
    except ValidationError as error:
        raise CommandError(imports.join_messages(error.messages_dict)) from None
    users.add_user(create_operator_context(), data, role)
