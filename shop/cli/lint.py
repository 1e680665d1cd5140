"""The command `shop lint`."""

import re
import sys
from collections.abc import Callable
from typing import Any

import click

from shop.cli.common import CommandError, to_one_line


def add_limit(name: str, default: float, kind: click.ParamType, text: str) -> Callable[..., Any]:
    """Add an option for a limit of the crawl; the help shows its default."""
    return click.option(name, default=default, show_default=True, type=kind, help=text)


@click.command("lint")
@click.argument("url", default="http://127.0.0.1:8000/")
@click.option(
    "--as", "names", multiple=True, metavar="NAME", help="Also check as this account; asks for its password."
)
@click.option("--password-stdin", is_flag=True, help="Read the passwords from stdin, one line per account.")
@click.option(
    "--token-of", "callers", multiple=True, metavar="NAME",
    help="Also check with a bearer token of this caller; asks for it, or reads a line from stdin.",
)  # fmt: skip
@add_limit("--pages", 500, click.IntRange(1), "The most pages to visit per account.")
@add_limit("--timeout", 10.0, click.FloatRange(0.1), "Seconds to wait for an answer.")
@add_limit("--deadline", 600.0, click.FloatRange(1), "Seconds for the whole run.")
def lint_api(
    url: str, names: tuple[str, ...], password_stdin: bool, callers: tuple[str, ...], **limits: float
) -> None:
    """Crawl a HAL API from its first URL and check every link, form and document."""
    if not re.match(r"https?://[^/\s]", url):
        raise click.BadParameter("begin with http:// or https://", param_hint="URL")
    try:
        from shop.client.lint import Crawl, CrawlRefused
    except ImportError:
        raise CommandError("this needs an extra that is not installed: pip install '.[client]'") from None
    passwords = {name: read_secret("Password", name, password_stdin) for name in names}
    tokens = {name: read_secret("Token", name) for name in callers}
    crawl, seen_flaws = Crawl(url, **limits, progress=show_progress), {}
    runs = [("", crawl.run())]
    runs += [(name, crawl.run(name, password)) for name, password in passwords.items()]
    runs += [(name, crawl.run(token=token)) for name, token in tokens.items()]
    try:
        for name, flaws in runs:
            for flaw_url, flaw in flaws:
                if (flaw_url, flaw) not in seen_flaws:
                    show_progress("")
                    click.echo(to_one_line(f"{flaw_url}: {flaw}{f' (as {name})' if name else ''}"))
                seen_flaws.setdefault((flaw_url, flaw))
    except CrawlRefused as error:
        raise CommandError(str(error)) from None
    show_progress("")
    for reason in crawl.explain_limits():
        click.echo(reason, err=True)
    click.echo(crawl.summarize())
    if seen_flaws:
        raise CommandError(f"flaws: {len(seen_flaws)}, URLs: {len({flaw_url for flaw_url, _ in seen_flaws})}")


def read_secret(kind: str, name: str, stdin: bool = False) -> str:
    """Read the password or token of a caller: from a prompt, or one line from a pipe."""
    if not stdin and sys.stdin.isatty():
        return click.prompt(f"{kind} of {name}", hide_input=True, err=True)
    if secret := sys.stdin.readline().rstrip("\r\n"):
        return secret
    raise click.UsageError(f"there is no line with the {kind.lower()} of {name} on stdin")


def show_progress(text: str) -> None:
    """Show the progress in one line, on a terminal only."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{to_one_line(text)[:79]}", nl=False, err=True)
