"""Accounts, from where the database is."""

import sys

import click
from marshmallow import ValidationError

from shop.cli.common import Refusal, on_database, operator
from shop.domain.user import CUSTOMER, Registration
from shop.model.moves import STAFF
from shop.services import imports, users


@click.group()
def user() -> None:
    """Accounts."""


@user.command()
@click.argument("name")
@click.option("--email", required=True)
@click.option("--role", type=click.Choice([STAFF, CUSTOMER]), default=CUSTOMER, show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin, not from a prompt.")
@on_database
def add(name: str, email: str, role: str, password_stdin: bool) -> None:
    """Open an account."""
    enrol(name, email, role, ask(password_stdin))
    click.echo(f"{name} is {role}.")


@user.command()
@click.argument("name")
@on_database
def disable(name: str) -> None:
    """Close an account, and every login it has open."""
    users.disable_user(operator(), name)
    click.echo(f"{name} is disabled.")


def ask(stdin: bool = False) -> str:
    """A password: from a person twice, from a pipe once."""
    if stdin or not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return click.prompt("Password", hide_input=True, confirmation_prompt=True)


def enrol(name: str, email: str, role: str, password: str) -> None:
    try:
        data = Registration().load({"username": name, "email": email, "password": password})
    except ValidationError as error:
        raise Refusal(imports.join_messages(error.messages_dict)) from None
    users.add_user(operator(), data, role)
