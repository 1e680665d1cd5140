"""Opening the door for calls."""

import os
from dataclasses import replace

import click
from flask import current_app

from shop.app import create_app
from shop.cli.common import Refusal, schema
from shop.observability import tracing
from shop.settings import Settings, SettingsError, demand, read_settings

NEEDED = ("grpc", "grpc_health", "grpc_reflection")


@click.command("grpc")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=50051, show_default=True, type=click.IntRange(1, 65535))
@click.option("--threads", type=click.IntRange(1, 64), help="How many; the setting, if not said.")
def serve(host: str, port: int, threads: int | None) -> None:
    """Serve the shop over gRPC."""
    chosen = read_settings()
    chosen = replace(chosen, threads=threads or chosen.threads)
    ready(chosen)
    from shop.doors.grpc.server import run  # an extra

    app = create_app(chosen)
    with app.app_context():
        if behind := schema():
            raise Refusal(behind)
        current_app.extensions["sqlalchemy"].engine.dispose()
    app.extensions["shop-housekeeper"].start()
    run(app, chosen, host, port)
    tracing.flush_spans()
    os._exit(0)  # a statement that hangs must not hold up the end


def ready(chosen: Settings) -> None:
    try:
        for module in NEEDED:
            demand(module, "grpc")
    except SettingsError as error:
        raise Refusal(str(error)) from None
    if bool(chosen.grpc_certificate) != bool(chosen.grpc_key):
        raise Refusal("SHOP_GRPC_CERTIFICATE and SHOP_GRPC_KEY belong together")
    if chosen.grpc_client_ca and not chosen.grpc_certificate:
        raise Refusal("SHOP_GRPC_CLIENT_CA needs SHOP_GRPC_CERTIFICATE")
