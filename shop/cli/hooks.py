"""The command `shop hooks`."""

import os
import signal
from dataclasses import replace
from threading import Event

import click
from flask import Flask

from shop.app import create_app
from shop.cli.common import CommandError, check_schema
from shop.doors.webhooks.deliverer import SENDERS, Deliverer
from shop.observability import metrics
from shop.runtime import get_runtime
from shop.settings import read_settings

STOP_SECONDS = 1.5  # for attempts that have begun; what is left is sent again when its lease ends


@click.command("hooks")
@click.option(
    "--senders", default=SENDERS, show_default=True, type=click.IntRange(2, 64), help="Threads that send"
)
def deliver_events(senders: int) -> None:
    """Send events to the hooks; several of these may run."""
    settings = replace(read_settings(), threads=senders)
    if not settings.public_url:
        raise CommandError("SHOP_PUBLIC_URL is missing; the links of events begin with it")
    metrics.start_exporter(settings)
    app = create_app(settings)
    with app.app_context():
        check_schema()
    deliverer = build_deliverer(app, settings.public_url, senders)
    stop = Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stop.set())
    metrics.watch_hooks(settings, deliverer.measure_backlog)
    deliverer.start()
    click.echo(f"sending events of {settings.public_url} to its hooks", err=True)
    stop.wait()
    deliverer.stop(STOP_SECONDS)
    os._exit(0)  # an attempt that hangs must not delay the exit


def build_deliverer(app: Flask, root: str, senders: int = SENDERS) -> Deliverer:
    runtime = get_runtime(app)
    return Deliverer(
        runtime.engine,
        runtime.change_listener,
        f"{root}/api",
        allow_private=runtime.settings.allow_private_hooks,
        senders=senders,
        observe=metrics.observe_attempt if runtime.settings.metrics_port else lambda outcome: None,
    )
