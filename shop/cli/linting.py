"""The API, checked by itself."""

import re
import sys

import click

from shop.cli.common import Refusal, line


@click.command()
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
