"""Every method bound in one way. What the doors share reads a call as what it is: a request by HTTP."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from random import uniform
from time import monotonic, perf_counter
from typing import Any
from urllib.parse import unquote

import grpc
from flask import Flask
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import code_pb2 as code
from google.rpc.status_pb2 import Status
from sqlalchemy.exc import SQLAlchemyError

from shop.doors import quota
from shop.doors.grpc.errors import Late, Refusal, retry, status, told
from shop.doors.grpc.open_calls import OpenCalls
from shop.doors.grpc.rpcs import RPCS, resource
from shop.doors.web import named, network
from shop.hypermedia.request import UNREAD, request_state
from shop.model.errors import Invalid
from shop.runtime import get_runtime
from shop.storage import timeouts

log = logging.getLogger("shop.requests")
HEARD = ("authorization", "x-request-id", "traceparent")
STATUSES = {each.value[0]: each for each in grpc.StatusCode}
FAULTS = (code.INTERNAL, code.UNAVAILABLE, code.DEADLINE_EXCEEDED)
FOR_EVER = float("inf")
EDGE = 0.1  # seconds before a deadline in which the database gives up because of it
OPENING = 5  # seconds that the only message of a call may take
CALLS_PER_ADDRESS = 400  # open at a time; a tenth of what the server takes
STREAMS_PER_CALLER = 100  # open at a time, of an account or, without a token, of an address
STREAM_SECONDS = 3600  # after which a stream ends and its client comes back with its cursor
PLACE = {
    "REQUEST_METHOD": "POST", "SERVER_NAME": "grpc", "SERVER_PORT": "0", "SERVER_PROTOCOL": "HTTP/2",
    "wsgi.url_scheme": "http",
}  # fmt: skip


@dataclass
class Call:
    """What is known of a call; `cursor` is where a stream has come to."""

    method: MethodDescriptor
    headers: dict[str, str]
    remote: str
    deadline: float
    began: float = field(default_factory=perf_counter)
    user: int | None = None
    sent: int = 0
    cursor: int | None = None
    replayed: bool = False
    limits: Any = None

    def __post_init__(self) -> None:
        self.ids = named(self.environ())

    @property
    def path(self) -> str:
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    def environ(self) -> dict[str, Any]:
        heard = {f"HTTP_{name.upper().replace('-', '_')}": said for name, said in self.headers.items()}
        return {**PLACE, "PATH_INFO": self.path, "REMOTE_ADDR": self.remote, **heard}


def called(method: MethodDescriptor, context: grpc.aio.ServicerContext, proxy: str) -> Call:
    metadata = context.invocation_metadata() or ()
    headers = {name: said for name, said in metadata if name in HEARD and isinstance(said, str)}
    remaining = context.time_remaining()
    deadline = FOR_EVER if remaining is None else monotonic() + remaining
    return Call(method, headers, find_client(address(context.peer()), metadata, proxy), deadline)


def find_client(peer: str, metadata: Any, proxy: str) -> str:
    """The address that a call comes from: the peer, or what the trusted proxy says of whom it calls for."""
    if proxy not in (peer, "*"):
        return peer
    forwarded = [value for name, value in metadata if name == "x-forwarded-for" and isinstance(value, str)]
    last = forwarded[-1].rpartition(",")[2].strip() if forwarded else ""
    try:
        return str(ip_address(last))
    except ValueError:
        return peer


def address(peer: str) -> str:
    """ipv4:10.0.0.1:5000, or ipv6:%5B::1%5D:5000."""
    kind, _, place = unquote(peer).partition(":")
    return place.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else "unknown"


@dataclass
class Door:
    """The shop behind the door, and the threads that work in it: as many as there are connections."""

    app: Flask
    threads: ThreadPoolExecutor
    open_calls: OpenCalls = field(default_factory=OpenCalls)

    @property
    def proxy(self) -> str:
        return get_runtime(self.app).settings.trusted_proxy

    @asynccontextmanager
    async def admit(self, call: Call, *, free: bool) -> AsyncIterator[None]:
        """Count a call before its message comes, and hold its place among the open calls while it runs."""
        client = network(call.remote)
        with self.open_calls.hold(client, CALLS_PER_ADDRESS):
            if not free:
                await self.count(call)
            caller = client if call.user is None else f"user:{call.user}"
            lasts = call.method.server_streaming
            with self.open_calls.hold(f"streams of {caller}", STREAMS_PER_CALLER) if lasts else nullcontext():
                yield

    async def count(self, call: Call) -> None:
        """Count a call against the limits of its caller: strangers by address, others by account."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.threads, self.count_now, call)

    def count_now(self, call: Call) -> None:
        with self.app.request_context(call.environ()):
            request_state().ids = call.ids
            try:
                quota.count()
            except Exception as error:  # noqa: BLE001
                raise Refusal(told(error, request_id=call.ids["request_id"])) from None
            finally:
                call.limits, call.user = quota.counted(), find_user()

    async def run(self, call: Call, act: Callable[..., Any], *words: Any, about: str = "") -> Any:
        """One piece of work, in a thread and with all around it that doors share."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, partial(self.work, call, act, *words, about=about))

    def work(self, call: Call, act: Callable[..., Any], *words: Any, about: str = "") -> Any:
        timeouts.DEADLINE.set(call.deadline)
        with self.app.request_context(call.environ()):
            request_state().ids, request_state().limits = call.ids, call.limits
            with self.traced(call) as failed:
                try:
                    if monotonic() >= call.deadline:
                        raise Late("There was no time left to begin.")
                    return act(*words)
                except Exception as error:  # noqa: BLE001
                    late = isinstance(error, SQLAlchemyError) and monotonic() > call.deadline - EDGE
                    refusal = Refusal(
                        told(Late("Time is up.") if late else error, about, call.ids["request_id"])
                    )
                    if refusal.status.code in FAULTS:
                        failed()
                    raise refusal from None
                finally:
                    call.user, call.replayed = find_user(), request_state().is_replayed

    async def read(self, act: Callable[[], Any]) -> Any:
        """A look on behalf of many, and of nobody in particular."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, self.apart, act)

    def apart(self, act: Callable[[], Any]) -> Any:
        timeouts.DEADLINE.set(FOR_EVER)
        with self.app.app_context():
            return act()

    @contextmanager
    def traced(self, call: Call) -> Iterator[Callable[[], Any]]:
        """A span, where tracing is on (shop/tracing.py), and how to say that it failed."""
        with get_runtime(self.app).trace_call(call.path) as failed:
            if trace_id := request_state().trace_id:
                request_state().ids = call.ids = {**call.ids, "trace_id": trace_id}
            yield failed


def find_user() -> int | None:
    """The id of the account whose token this request has."""
    claims = request_state().claims
    return int(claims["sub"]) if claims and claims is not UNREAD else None


def parse(kind: type[Message], raw: bytes) -> Message:
    """Read here and not by the library, which would call it a fault of ours."""
    try:
        return kind.FromString(raw)
    except DecodeError:
        raise Refusal(told(Invalid(f"This is no {kind.DESCRIPTOR.name}."))) from None


async def read_only_message(given: AsyncIterator[bytes]) -> bytes:
    """The message of a call that has one; the library would leave those without an answer who send none."""
    try:
        async with asyncio.timeout(OPENING):
            async for raw in given:
                return raw
    except TimeoutError:
        raise Late("There was no message.") from None
    raise Refusal(Status(code=code.UNIMPLEMENTED, message="There was no message."))


async def end_when_old(messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """The messages of a stream, until it is old; not all at one moment, or all would come back at once."""
    end = asyncio.get_running_loop().time() + STREAM_SECONDS * uniform(0.9, 1.1)  # noqa: S311
    async with aclosing(messages):
        while True:
            try:
                async with asyncio.timeout_at(end) as clock:
                    message = await anext(messages)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if clock.expired():
                    raise stream_too_old() from None
                raise
            yield message


def stream_too_old() -> Refusal:
    message = "This stream has run for long enough. Open another one."
    return Refusal(status(code.UNAVAILABLE, message, "STREAM_TOO_OLD", retry(1)))


def handlers(
    door: Door, service: ServiceDescriptor, streams: dict[str, Any], *, free: bool = False
) -> grpc.GenericRpcHandler:
    """`streams` are the coroutines that answer what is no plain call; they read what streams in.

    Calls of a service that is `free` cost no quota and have no line in the log.
    """

    def bind(method: MethodDescriptor) -> grpc.RpcMethodHandler:
        takes, act = GetMessageClass(method.input_type), streams.get(method.name)

        def surround(context: grpc.aio.ServicerContext) -> over:
            return over(called(method, context, door.proxy), context, quiet=free)

        async def one(given: Any, context: grpc.aio.ServicerContext) -> bytes:
            async with surround(context) as call, door.admit(call, free=free):
                if act:
                    answer = await act(call, given)
                else:
                    request = parse(takes, await read_only_message(given))
                    about = resource(method.name, request)
                    answer = await door.run(call, RPCS[method.name], request, about=about)
                return answer.SerializeToString()

        async def many(given: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
            async with surround(context) as call, door.admit(call, free=free):
                words = given if method.client_streaming else parse(takes, await read_only_message(given))
                async with aclosing(end_when_old(act(call, words))) as messages:
                    async for message in messages:
                        yield message.SerializeToString()
                        call.sent += 1

        if method.server_streaming:
            return grpc.stream_stream_rpc_method_handler(many)
        return grpc.stream_unary_rpc_method_handler(one)

    return grpc.method_handlers_generic_handler(
        service.full_name, {each.name: bind(each) for each in service.methods}
    )


class over:  # noqa: N801
    """What surrounds a call: its refusal becomes its status, and its end a line in the log."""

    def __init__(self, call: Call, context: grpc.aio.ServicerContext, *, quiet: bool) -> None:
        self.call, self.context, self.quiet = call, context, quiet

    async def __aenter__(self) -> Call:
        return self.call

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        status, trailers = self.ended(error), [("x-request-id", self.call.ids["request_id"])]
        if not self.quiet:
            self.tell(status)
        if self.call.cursor is not None:
            trailers.append(("shop-cursor", str(self.call.cursor)))
        if status and isinstance(error, Exception):
            trailers.append(("grpc-status-details-bin", status.SerializeToString()))
            await self.context.abort(STATUSES[status.code], status.message, tuple(trailers))
        if self.call.replayed:
            trailers.append(("idempotency-replayed", "true"))
        self.context.set_trailing_metadata(tuple(trailers))

    def tell(self, status: Status | None) -> None:
        said = STATUSES[status.code].name if status else "OK"
        facts = {
            **self.call.ids, "method": "RPC", "route": self.call.path, "status": said,
            "ms": round((perf_counter() - self.call.began) * 1000, 1), "messages": self.call.sent,
            "user": self.call.user, "remote": self.call.remote,
        }  # fmt: skip
        log.info("request", extra={"request": facts})

    def ended(self, error: BaseException | None) -> Status | None:
        if isinstance(error, Exception):
            status = told(error, request_id=self.call.ids["request_id"])
            if self.call.cursor is not None:
                status.message += f" Go on from cursor {self.call.cursor}."
            return status
        return Status(code=grpc.StatusCode.CANCELLED.value[0]) if error else None
