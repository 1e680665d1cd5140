"""The commands `shop demo`, `shop serve` and `shop init`."""

import os
from dataclasses import replace
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory

import click

from shop.app import create_app
from shop.cli import product_files
from shop.cli.accounts import create_account, read_new_password
from shop.cli.common import CommandError, check_schema, create_operator_context, get_settings
from shop.cli.hooks import build_deliverer
from shop.cli.migrations import upgrade_database
from shop.domain.user import CUSTOMER
from shop.model.moves import STAFF
from shop.runtime import get_runtime
from shop.services import imports
from shop.serving.workers import run_server
from shop.settings import read_settings

SAMPLE_CATALOGUE = Path(__file__).parent.with_name("catalogue.csv")


@click.command("demo")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
def run_demo(port: int) -> None:
    """Try the shop with sample products and two accounts; everything is deleted when you stop it."""
    with TemporaryDirectory(prefix="shop-") as folder:
        settings = read_settings({
            "SHOP_SECRET_KEY": token_urlsafe(48),
            "SHOP_DATABASE_URL": f"sqlite:///{folder}/demo.db",
            "SHOP_LOG_FORMAT": "text",
            "SHOP_ALLOW_PRIVATE_HOOKS": "on",
        })  # fmt: skip
        app = create_app(settings)
        with app.app_context():
            fill_demo_shop(port)
        deliverer = build_deliverer(app, f"http://127.0.0.1:{port}")
        deliverer.start()
        run_server(app, settings, "127.0.0.1", port)
        deliverer.stop()


def fill_demo_shop(port: int) -> None:
    upgrade_database()
    with SAMPLE_CATALOGUE.open("rb") as file:
        rows = product_files.read_rows(SAMPLE_CATALOGUE, file, get_settings().currency, lambda _: None)
        count, _ = imports.import_products(create_operator_context(), rows, lambda *_: None)
    click.echo(f"{count} products, and two accounts that last as long as this demo:")
    for role in (STAFF, CUSTOMER):
        password = token_urlsafe(12)
        create_account(role, f"{role}@shop.example", role, password)
        click.echo(f"  {role:9} password {password}")
    click.echo(f"Begin at http://127.0.0.1:{port}/ (the API reference is at /docs; stop with Ctrl+C)")


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--threads", type=click.IntRange(1, 64), help="Number of threads  [default: SHOP_THREADS]")
@click.option("--workers", type=click.IntRange(1, 64), help="Number of processes  [default: SHOP_WORKERS]")
def serve_http(host: str, port: int, **options: int | None) -> None:
    """Serve the shop over HTTP."""
    settings = replace(read_settings(), **{name: value for name, value in options.items() if value})
    app = create_app(settings)
    with app.app_context():
        check_schema()
        # Connections must not be shared with forked workers.
        get_runtime().engine.dispose()
    run_server(app, settings, host, port)


@click.command("init")
def initialize() -> None:
    """Set up a new shop: write .env with a new secret, migrate the database and create a staff account."""
    try:
        with open(".env", "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(f"SHOP_SECRET_KEY={token_urlsafe(48)}\n")
    except FileExistsError:
        raise CommandError(".env already exists; it was not changed") from None
    try:
        with create_app().app_context():
            upgrade_database()
            name = click.prompt("Name of the first staff account")
            email = click.prompt("Its e-mail address")
            create_account(name, email, STAFF, read_new_password())
    except BaseException:  # so that a second attempt can write it again
        Path(".env").unlink()
        raise
    click.echo("Done. Start the shop with `shop serve`.")
