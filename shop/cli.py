"""The `shop` command: exit code 0 when done, 1 when refused, 2 when used wrongly; never a traceback."""

import os
import re
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import wraps
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory
from typing import Any

import click
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from flask.cli import ScriptInfo, with_appcontext
from flask_migrate import upgrade
from flask_migrate.cli import db
from marshmallow import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from shop import files
from shop.app import create_app
from shop.domain.errors import Conflict, ShopError
from shop.domain.moves import STAFF
from shop.domain.shapes import Registration
from shop.domain.user import CUSTOMER
from shop.services import imports, replays, users
from shop.services.context import Actor, Context
from shop.services.database import meaning
from shop.settings import Settings, SettingsError, read_settings
from shop.workers import serve as run

SAMPLE = Path(__file__).with_name("catalogue.csv")
OPERATOR = Actor(0, STAFF, "")  # whoever may run this command owns the database anyway


class Refusal(click.ClickException):
    """One line on stderr, and exit code 1."""

    def show(self, file: Any = None) -> None:
        click.echo(f"shop: {line(self.format_message())}", err=True)


def line(said: str) -> str:
    """One line of what may come from a file or a database: no line of its own, no words to the terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in said)[:500]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A small shop behind hypermedia links."""


cli.add_command(db)


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


@cli.command()
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
        count, _ = imports.load(operator(), rows, lambda *_: None)
    click.echo(f"{count} products, and two accounts that last as long as this demo:")
    for role in (STAFF, CUSTOMER):
        password = token_urlsafe(12)
        enrol(role, f"{role}@shop.example", role, password)
        click.echo(f"  {role:9} password {password}")
    click.echo(f"Begin at http://127.0.0.1:{port}/ (the manual is at /docs; stop with Ctrl+C)")


@cli.command()
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


@cli.command()
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


@cli.group()
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
    users.disable(operator(), name)
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
        raise Refusal(imports.said(error.messages_dict)) from None
    users.enrol(operator(), data, role)


@cli.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--skip-bad", is_flag=True, help="Take the good lines even if some are bad.")
@on_database
def take(path: Path, skip_bad: bool) -> None:
    """Take products from a .csv or .jsonl file: all of them, or none."""
    size = path.stat().st_size
    shown = sys.stderr.isatty()
    with (
        path.open("rb") as file,
        click.progressbar(length=size, file=sys.stderr) if shown else nullcontext() as bar,
    ):
        rows = files.rows(path, file, settings().currency, bar.update if bar else lambda _: None)
        try:
            good, bad = imports.load(operator(), rows, complain, skip_bad=skip_bad)
        except (files.FileError, imports.Refused) as error:
            raise Refusal(str(error)) from None
    click.echo(f"{good} products imported, {bad} lines skipped.")


def complain(number: int, reason: str) -> None:
    click.echo(f"line {number}: {line(reason)}", err=True)


@cli.command("export")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@on_database
def give(path: Path) -> None:
    """Write all products to a .csv or .jsonl file, as `import` reads them."""
    try:
        file = path.open("x", encoding="utf-8", newline="")
    except FileExistsError:
        raise Refusal(f"{path} is there already; it is left as it is") from None
    try:
        with file:
            count = files.write(path, file, imports.everything(operator()), settings().currency)
    except BaseException as error:  # half a catalogue must not pass for a whole one
        path.unlink()
        if isinstance(error, files.FileError):
            raise Refusal(str(error)) from None
        raise
    click.echo(f"{count} products exported.")


@cli.command()
@on_database
def purge() -> None:
    """Forget the answers kept for repeated requests that have expired."""
    click.echo(f"{replays.sweep(operator())} answers forgotten.")


@cli.command()
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


@cli.command()
@click.argument("url", default="http://127.0.0.1:8000/")
@click.option(
    "--as", "names", multiple=True, metavar="NAME", help="See it as this account too; asks for the password."
)
@click.option("--password-stdin", is_flag=True, help="Read the passwords from stdin, a line an account.")
@click.option(
    "--pages", default=500, show_default=True, type=click.IntRange(1), help="At most, for each caller."
)
@click.option(
    "--timeout", default=10.0, show_default=True, type=click.FloatRange(0.1), help="Seconds for an answer."
)
@click.option(
    "--deadline", default=600.0, show_default=True, type=click.FloatRange(1), help="Seconds for all."
)
def lint(
    url: str, names: tuple[str, ...], password_stdin: bool, pages: int, timeout: float, deadline: float
) -> None:
    """Crawl a HAL API from its first URL and check every link, form and document."""
    if not re.match(r"https?://[^/\s]", url):
        raise click.BadParameter("begin with http:// or https://", param_hint="URL")
    try:
        from shop.lint import Crawl, Refused
    except ModuleNotFoundError:
        raise Refusal("this needs an extra that is not installed: pip install '.[client]'") from None
    callers = [("", ""), *((name, secret(name, password_stdin)) for name in names)]
    crawl, flaws = Crawl(url, pages, timeout, deadline, overwrite), {}
    try:
        for name, password in callers:
            for at, flaw in crawl.run(name, password):
                if (at, flaw) not in flaws:
                    overwrite("")
                    click.echo(line(f"{at}: {flaw}{f' (as {name})' if name else ''}"))
                flaws.setdefault((at, flaw))
    except Refused as error:
        raise Refusal(str(error)) from None
    overwrite("")
    for stop in crawl.stops():
        click.echo(stop, err=True)
    click.echo(crawl.summary())
    if flaws:
        raise Refusal(f"flaws: {len(flaws)}, URLs: {len({at for at, _ in flaws})}")


def secret(name: str, stdin: bool) -> str:
    """The password of an account that is there: from a person once, from a pipe a line."""
    if not stdin and sys.stdin.isatty():
        return click.prompt(f"Password of {name}", hide_input=True, err=True)
    if found := sys.stdin.readline().rstrip("\r\n"):
        return found
    raise click.UsageError(f"there is no line with the password of {name} on stdin")


def overwrite(said: str) -> None:
    """The line that tells a person how far it is."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{line(said)[:79]}", nl=False, err=True)


def main() -> None:
    """Run the command; every refusal is one line."""
    try:
        cli(obj=ScriptInfo(create_app=lambda: create_app()), standalone_mode=True)
    except (SettingsError, ShopError) as error:
        stop(str(error))
    except SQLAlchemyError as error:
        known = meaning(error)
        stop(str(known) if isinstance(known, Conflict) else cause(error))
    except UnicodeError:
        stop("what was given is not text in UTF-8")
    except OSError as error:
        stop(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))


def cause(error: SQLAlchemyError) -> str:
    """What the database itself says, in its first line."""
    return f"the database refuses: {getattr(error, 'orig', None) or error}".splitlines()[0]


def stop(reason: str) -> None:
    click.echo(f"shop: {line(reason)}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
