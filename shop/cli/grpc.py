"""The command `shop grpc`."""

import os
from dataclasses import replace

import click

from shop.app import create_app
from shop.cli.common import CommandError, check_schema
from shop.runtime import get_runtime
from shop.settings import Settings, read_settings, require_extra

REQUIRED_MODULES = ("grpc", "grpc_health", "grpc_reflection")


@click.command("grpc")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=50051, show_default=True, type=click.IntRange(1, 65535))
@click.option("--threads", type=click.IntRange(1, 64), help="Number of threads  [default: SHOP_THREADS]")
def serve_grpc(host: str, port: int, threads: int | None) -> None:
    """Serve the shop over gRPC."""
    settings = read_settings()
    settings = replace(settings, threads=threads or settings.threads)
    check_requirements(settings)
    from shop.doors.grpc.server import run_server  # an extra

    app = create_app(settings)
    with app.app_context():
        check_schema()
        get_runtime().engine.dispose()
    get_runtime(app).housekeeper.start()
    run_server(app, settings, host, port)
    get_runtime(app).flush_spans()
    os._exit(0)  # a statement that hangs must not delay the exit


def check_requirements(settings: Settings) -> None:
    for module in REQUIRED_MODULES:
        require_extra(module, "grpc")
    if bool(settings.grpc_certificate) != bool(settings.grpc_key):
        raise CommandError("SHOP_GRPC_CERTIFICATE and SHOP_GRPC_KEY belong together")
    if settings.grpc_client_ca and not settings.grpc_certificate:
        raise CommandError("SHOP_GRPC_CLIENT_CA needs SHOP_GRPC_CERTIFICATE")
