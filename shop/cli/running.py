"""Opening the shop: to try it, for good, and for the first time."""

import os
from dataclasses import replace
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory

import click
from flask import current_app
from flask_migrate import upgrade

from shop import files
from shop.app import create_app
from shop.cli.accounts import ask, enrol
from shop.cli.common import Refusal, operator, schema, settings
from shop.domain.user import CUSTOMER
from shop.model.moves import STAFF
from shop.services import imports
from shop.serving.workers import run_server as run
from shop.settings import read_settings

SAMPLE = Path(__file__).parent.with_name("catalogue.csv")


@click.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
def demo(port: int) -> None:
    """Try the shop: a fresh database with a catalogue and two accounts, gone when you stop it."""
    with TemporaryDirectory(prefix="shop-") as folder:
        chosen = read_settings({
            "SHOP_SECRET_KEY": token_urlsafe(48),
            "SHOP_DATABASE_URL": f"sqlite:///{folder}/demo.db",
            "SHOP_LOG_FORMAT": "text",
        })  # fmt: skip
        with create_app(chosen).app_context():
            furnish(port)
        run(chosen, "127.0.0.1", port)


def furnish(port: int) -> None:
    upgrade()
    with SAMPLE.open("rb") as file:
        rows = files.rows(SAMPLE, file, settings().currency, lambda _: None)
        count, _ = imports.import_products(operator(), rows, lambda *_: None)
    click.echo(f"{count} products, and two accounts that last as long as this demo:")
    for role in (STAFF, CUSTOMER):
        password = token_urlsafe(12)
        enrol(role, f"{role}@shop.example", role, password)
        click.echo(f"  {role:9} password {password}")
    click.echo(f"Begin at http://127.0.0.1:{port}/ (the manual is at /docs; stop with Ctrl+C)")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--threads", type=click.IntRange(1, 64), help="How many; the setting, if not said.")
@click.option("--workers", type=click.IntRange(1, 64), help="How many processes; the setting, if not said.")
def serve(host: str, port: int, **given: int | None) -> None:
    """Serve the shop."""
    chosen = replace(read_settings(), **{name: value for name, value in given.items() if value})
    with create_app(chosen).app_context():
        behind = schema()
        current_app.extensions["sqlalchemy"].engine.dispose()  # no connection of this process goes to others
    if behind:
        raise Refusal(behind)
    run(chosen, host, port)


@click.command()
def init() -> None:
    """Write .env with a fresh secret, migrate the database, ask for a staff account."""
    try:
        with open(".env", "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(f"SHOP_SECRET_KEY={token_urlsafe(48)}\n")
    except FileExistsError:
        raise Refusal(".env is there already; it is left as it is") from None
    try:
        with create_app().app_context():
            upgrade()
            name = click.prompt("Name of the first staff account")
            email = click.prompt("Its e-mail address")
            enrol(name, email, STAFF, ask())
    except BaseException:  # or a second try would find the .env of the first
        Path(".env").unlink()
        raise
    click.echo("Done. `shop serve` opens the shop.")
