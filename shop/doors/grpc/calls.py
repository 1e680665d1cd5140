"""A call, and how its work is run: caller, limits, deadline, errors.

The code that all doors share reads a Flask request, so each call is run in a request context.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from time import monotonic, perf_counter
from typing import Any
from urllib.parse import unquote

import grpc
from flask import Flask
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import code_pb2 as code
from sqlalchemy.exc import SQLAlchemyError

from shop.doors.grpc.errors import CallError, DeadlineExceeded, to_status
from shop.doors.grpc.open_calls import OpenCalls
from shop.hypermedia import rate_limits
from shop.hypermedia.access_log import read_request_ids
from shop.hypermedia.callers import build_anonymous_context, group_address
from shop.hypermedia.request import request_state
from shop.runtime import get_runtime
from shop.storage import timeouts

METADATA_HEADERS = ("authorization", "x-request-id", "traceparent")
SERVER_FAULTS = (code.INTERNAL, code.UNAVAILABLE, code.DEADLINE_EXCEEDED)
NO_DEADLINE = float("inf")
DEADLINE_MARGIN = 0.1  # seconds; a database error this close to the deadline is taken for its effect
MAX_CALLS_PER_ADDRESS = 400  # open at the same time; a tenth of what the server accepts
MAX_STREAMS_PER_CALLER = 100  # open at the same time, per account or, without a token, per address
BASE_ENVIRON = {
    "REQUEST_METHOD": "POST", "SERVER_NAME": "grpc", "SERVER_PORT": "0", "SERVER_PROTOCOL": "HTTP/2",
    "wsgi.url_scheme": "http",
}  # fmt: skip


@dataclass
class Call:
    """One call; `cursor` is the position of a stream in the feed, `about` the entity that the call names."""

    method: MethodDescriptor
    headers: dict[str, str]
    remote: str
    deadline: float
    started_at: float = field(default_factory=perf_counter)
    user_id: int | None = None
    sent_count: int = 0
    cursor: int | None = None
    about: str = ""
    replayed: bool = False
    limits: Any = None

    def __post_init__(self) -> None:
        self.ids = read_request_ids(self.build_environ())

    @property
    def path(self) -> str:
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    def build_environ(self) -> dict[str, Any]:
        headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()}
        return {**BASE_ENVIRON, "PATH_INFO": self.path, "REMOTE_ADDR": self.remote, **headers}


def build_call(method: MethodDescriptor, context: grpc.aio.ServicerContext, proxy: str) -> Call:
    metadata = context.invocation_metadata() or ()
    headers = {name: value for name, value in metadata if name in METADATA_HEADERS and isinstance(value, str)}
    remaining = context.time_remaining()
    deadline = NO_DEADLINE if remaining is None else monotonic() + remaining
    remote = find_client_address(parse_peer_address(context.peer()), metadata, proxy)
    return Call(method, headers, remote, deadline)


def find_client_address(peer: str, metadata: Any, proxy: str) -> str:
    """Return the address of the client: the peer, or what the trusted proxy forwards."""
    if proxy not in (peer, "*"):
        return peer
    forwarded = [value for name, value in metadata if name == "x-forwarded-for" and isinstance(value, str)]
    last = forwarded[-1].rpartition(",")[2].strip() if forwarded else ""
    try:
        return str(ip_address(last))
    except ValueError:
        return peer


def parse_peer_address(peer: str) -> str:
    """Return the address in a peer such as ipv4:10.0.0.1:5000 or ipv6:%5B::1%5D:5000."""
    kind, _, place = unquote(peer).partition(":")
    return place.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else "unknown"


@dataclass
class CallRunner:
    """Runs the work of calls in threads: as many as there are database connections."""

    app: Flask
    threads: ThreadPoolExecutor
    open_calls: OpenCalls = field(default_factory=OpenCalls)

    @property
    def proxy(self) -> str:
        return get_runtime(self.app).settings.trusted_proxy

    @asynccontextmanager
    async def admit_call(self, call: Call, *, free: bool) -> AsyncIterator[None]:
        """Count a call before its message arrives, and count it as open while the block runs."""
        client = group_address(call.remote)
        with ExitStack() as stack:
            stack.enter_context(self.open_calls.hold_place(client, MAX_CALLS_PER_ADDRESS))
            if not free:
                await self.count_call(call)
            if call.method.server_streaming:
                caller = client if call.user_id is None else f"user:{call.user_id}"
                stack.enter_context(
                    self.open_calls.hold_place(f"streams of {caller}", MAX_STREAMS_PER_CALLER)
                )
            yield

    async def count_call(self, call: Call) -> None:
        """Count a call against the limits of its caller: by account, or by address without a token."""
        await self.run_in_thread(self.count_in_request, call)

    def count_in_request(self, call: Call) -> None:
        with self.app.request_context(call.build_environ()):
            request_state().ids = call.ids
            try:
                rate_limits.count_call()
            except Exception as error:  # noqa: BLE001
                raise CallError(to_status(error, request_id=call.ids["request_id"])) from None
            finally:
                call.limits, call.user_id = rate_limits.get_current_limits(), request_state().caller_id

    async def run_for_call(self, call: Call, work: Callable[..., Any], *args: Any) -> Any:
        """Run `work` for a call, in a thread and in a Flask request context."""
        return await self.run_in_thread(self.run_in_request, call, work, *args)

    def run_in_request(self, call: Call, work: Callable[..., Any], *args: Any) -> Any:
        timeouts.DEADLINE.set(call.deadline)
        with self.app.request_context(call.build_environ()):
            request_state().ids, request_state().limits = call.ids, call.limits
            with self.trace_call(call) as failed:
                try:
                    if monotonic() >= call.deadline:
                        raise DeadlineExceeded("The deadline had passed before the call began.")
                    return work(*args)
                except Exception as error:  # noqa: BLE001
                    if isinstance(error, SQLAlchemyError) and monotonic() > call.deadline - DEADLINE_MARGIN:
                        error = DeadlineExceeded("The deadline has passed.")
                    status = to_status(error, call.about, call.ids["request_id"])
                    if status.code in SERVER_FAULTS:
                        failed()
                    raise CallError(status) from None
                finally:
                    state = request_state()
                    call.user_id, call.replayed = state.caller_id, state.is_replayed

    async def run_for_all(self, work: Callable[..., Any], *args: Any) -> Any:
        """Run `work` for all streams together, in a thread, for an anonymous caller without a deadline."""
        return await self.run_in_thread(self.run_in_app, work, *args)

    def run_in_app(self, work: Callable[..., Any], *args: Any) -> Any:
        timeouts.DEADLINE.set(NO_DEADLINE)
        with self.app.app_context():
            return work(build_anonymous_context(), *args)

    async def run_in_thread(self, work: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *args)

    @contextmanager
    def trace_call(self, call: Call) -> Iterator[Callable[[], Any]]:
        """Open a span if tracing is on (observability/tracing.py); yield a function that marks it failed."""
        with get_runtime(self.app).trace_call(call.path) as failed:
            if trace_id := request_state().trace_id:
                request_state().ids = call.ids = {**call.ids, "trace_id": trace_id}
            yield failed
