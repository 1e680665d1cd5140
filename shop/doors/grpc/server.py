"""The server: health, reflection, TLS, and an end that tells everybody where to go on."""

import asyncio
import logging
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from flask import Flask
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse

from shop.doors.grpc import shop_pb2 as pb
from shop.doors.grpc.adapter import Door, handlers
from shop.doors.grpc.standard_services import HEALTH, REFLECTION, Health, Reflection
from shop.doors.grpc.streams import Streams
from shop.model.errors import DomainError
from shop.runtime import get_runtime
from shop.settings import Settings
from shop.storage import timeouts

SERVICES: tuple[ServiceDescriptor, ...] = tuple(pb.DESCRIPTOR.services_by_name.values())
LARGEST = 1024 * 1024  # bytes of a message that comes
CALLS = 4000  # at a time, streams too
GRACE = 1.5  # seconds for what is under way when all is about to stop
LOOK = 5.0  # seconds between two looks at whether we are fit to serve
OPTIONS = {
    "grpc.max_receive_message_length": LARGEST,
    "grpc.max_metadata_size": 16 * 1024,
    "grpc.max_concurrent_streams": 1000,  # of a connection
    "grpc.keepalive_time_ms": 30_000,  # whoever has vanished is noticed
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.http2.min_ping_interval_without_data_ms": 10_000,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.max_connection_idle_ms": 300_000,  # clients come back when they have something to ask
    "grpc.server_handshake_timeout_ms": 10_000,
    "grpc.so_reuseport": 0,
}

log = logging.getLogger("shop")


def run(app: Flask, settings: Settings, host: str, port: int) -> None:
    """Serve until told to stop by SIGTERM or SIGINT."""
    asyncio.run(serve(app, settings, host, port))


async def serve(app: Flask, settings: Settings, host: str, port: int) -> None:
    with app.app_context():
        timeouts.limit_transactions(get_runtime(app).engine)
    threads = ThreadPoolExecutor(settings.threads, "shop-grpc")
    door = Door(app, threads)
    server = grpc.aio.server(options=list(OPTIONS.items()), maximum_concurrent_rpcs=CALLS)
    streams = Streams(door).methods()
    server.add_generic_rpc_handlers(tuple(handlers(door, each, streams) for each in SERVICES))
    pulse = health.aio.HealthServicer()
    server.add_generic_rpc_handlers((handlers(door, HEALTH, Health(pulse).methods(), free=True),))
    if settings.grpc_reflection:
        told = Reflection(door, (*names(), REFLECTION.full_name))
        server.add_generic_rpc_handlers((handlers(door, REFLECTION, told.methods()),))
    listen(server, settings, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start()
    log.info("listening on %s:%s for gRPC", host, port)
    looking = asyncio.create_task(look(app, pulse))
    await stop.wait()
    looking.cancel()
    await pulse.enter_graceful_shutdown()
    get_runtime(app).change_listener.stop()  # so that streams end and do not wait for the grace to end
    await server.stop(GRACE)
    threads.shutdown(wait=False, cancel_futures=True)


def names() -> tuple[str, ...]:
    return (*(each.full_name for each in SERVICES), HEALTH.full_name)


async def look(app: Flask, pulse: health.aio.HealthServicer) -> None:
    """Say that we serve while we are fit to: the same that /health/ready asks."""
    apart = ThreadPoolExecutor(1, "shop-health")  # to be busy is no reason to send calls elsewhere
    while True:
        try:
            await asyncio.get_running_loop().run_in_executor(apart, get_runtime(app).health.check_readiness)
            state = HealthCheckResponse.SERVING
        except DomainError:
            state = HealthCheckResponse.NOT_SERVING
        for name in ("", *names()):
            await pulse.set(name, state)
        await asyncio.sleep(LOOK)


def listen(server: grpc.aio.Server, settings: Settings, place: str) -> None:
    try:
        if settings.grpc_certificate:
            server.add_secure_port(place, credentials(settings))
        else:
            server.add_insecure_port(place)
    except RuntimeError:
        raise DomainError(
            f"{place} is taken, or is not ours, or the certificate and the key do not fit"
        ) from None


def credentials(settings: Settings) -> grpc.ServerCredentials:
    """TLS; and where there is a CA for clients, only those come in who have a certificate of it."""
    pair = Path(settings.grpc_key).read_bytes(), Path(settings.grpc_certificate).read_bytes()
    ca = Path(settings.grpc_client_ca).read_bytes() if settings.grpc_client_ca else None
    return grpc.ssl_server_credentials([pair], ca, require_client_auth=ca is not None)
