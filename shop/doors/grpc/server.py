"""The gRPC server: health, reflection, TLS, shutdown."""

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
from shop.doors.grpc.calls import CallRunner
from shop.doors.grpc.handlers import build_handlers
from shop.doors.grpc.standard_services import (
    HEALTH_SERVICE,
    REFLECTION_SERVICES,
    HealthMethods,
    ReflectionMethods,
)
from shop.doors.grpc.streams import StreamMethods
from shop.model.errors import DomainError
from shop.runtime import get_runtime
from shop.settings import Settings
from shop.storage import timeouts

SERVICE_DESCRIPTORS: tuple[ServiceDescriptor, ...] = tuple(pb.DESCRIPTOR.services_by_name.values())
MAX_MESSAGE_SIZE = 1024 * 1024  # bytes of a request message
MAX_CONCURRENT_CALLS = 4000  # at the same time, including streams
STREAM_END_TIME = 0.2  # seconds in which streams end at shutdown, while all connections are still open
SHUTDOWN_GRACE = 1.5  # seconds that running calls have to finish at shutdown
HEALTH_CHECK_INTERVAL = 5.0  # seconds between two health checks
SERVER_OPTIONS = {
    "grpc.max_receive_message_length": MAX_MESSAGE_SIZE,
    "grpc.max_metadata_size": 16 * 1024,
    "grpc.max_concurrent_streams": 1000,  # per connection
    "grpc.keepalive_time_ms": 30_000,  # to notice clients that have vanished
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.http2.min_ping_interval_without_data_ms": 10_000,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.max_connection_idle_ms": 300_000,  # clients reconnect for their next call
    "grpc.server_handshake_timeout_ms": 10_000,
    "grpc.so_reuseport": 0,
}

log = logging.getLogger("shop")


def run_server(app: Flask, settings: Settings, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    asyncio.run(serve_until_stopped(app, settings, host, port))


async def serve_until_stopped(app: Flask, settings: Settings, host: str, port: int) -> None:
    with app.app_context():
        timeouts.limit_transactions(get_runtime(app).engine)
    threads = ThreadPoolExecutor(settings.threads, "shop-grpc")
    runner = CallRunner(app, threads)
    health_servicer = health.aio.HealthServicer()
    server = grpc.aio.server(
        handlers=build_all_handlers(runner, health_servicer, has_reflection=settings.grpc_reflection),
        options=list(SERVER_OPTIONS.items()),
        maximum_concurrent_rpcs=MAX_CONCURRENT_CALLS,
    )
    open_port(server, settings, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    await server.start()
    log.info("listening on %s:%s for gRPC", host, port)
    health_task = asyncio.create_task(update_health(app, health_servicer))
    await stop.wait()
    health_task.cancel()
    await health_servicer.enter_graceful_shutdown()
    get_runtime(app).change_listener.stop()  # ends the streams
    await asyncio.sleep(STREAM_END_TIME)  # some clients (h2) read nothing after the GOAWAY of server.stop
    await server.stop(SHUTDOWN_GRACE)
    threads.shutdown(wait=False, cancel_futures=True)


def build_all_handlers(
    runner: CallRunner, health_servicer: health.aio.HealthServicer, *, has_reflection: bool
) -> list[grpc.GenericRpcHandler]:
    streams, health_check = StreamMethods(runner), HealthMethods(health_servicer)
    handlers = [build_handlers(runner, each, streams.get_methods()) for each in SERVICE_DESCRIPTORS]
    handlers.append(build_handlers(runner, HEALTH_SERVICE, health_check.get_methods(), free=True))
    if has_reflection:
        names = (*list_service_names(), *(each.full_name for each in REFLECTION_SERVICES))
        methods = ReflectionMethods(runner, names).get_methods()
        handlers += [build_handlers(runner, each, methods) for each in REFLECTION_SERVICES]
    return handlers


def list_service_names() -> tuple[str, ...]:
    return (*(each.full_name for each in SERVICE_DESCRIPTORS), HEALTH_SERVICE.full_name)


async def update_health(app: Flask, health_servicer: health.aio.HealthServicer) -> None:
    """Publish the health of the services again and again, by the check of /health/ready."""
    executor = ThreadPoolExecutor(1, "shop-health")  # a thread of its own: a busy server is still healthy
    while True:
        try:
            await asyncio.get_running_loop().run_in_executor(executor, get_runtime(app).check_readiness)
            state = HealthCheckResponse.SERVING
        except DomainError:
            state = HealthCheckResponse.NOT_SERVING
        for name in ("", *list_service_names()):
            await health_servicer.set(name, state)
        await asyncio.sleep(HEALTH_CHECK_INTERVAL)


def open_port(server: grpc.aio.Server, settings: Settings, address: str) -> None:
    try:
        if settings.grpc_certificate:
            server.add_secure_port(address, build_credentials(settings))
        else:
            server.add_insecure_port(address)
    except RuntimeError:
        raise DomainError(
            f"cannot listen on {address}: it is in use or not allowed, or certificate and key do not match"
        ) from None


def build_credentials(settings: Settings) -> grpc.ServerCredentials:
    """Return the TLS credentials; with a client CA, clients need a certificate of that CA."""
    pair = Path(settings.grpc_key).read_bytes(), Path(settings.grpc_certificate).read_bytes()
    ca = Path(settings.grpc_client_ca).read_bytes() if settings.grpc_client_ca else None
    return grpc.ssl_server_credentials([pair], ca, require_client_auth=ca is not None)
