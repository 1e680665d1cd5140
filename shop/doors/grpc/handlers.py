"""The handlers of all methods: read the messages, run the method, finish the call with status and log."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from random import uniform
from time import perf_counter
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import code_pb2 as code
from google.rpc.status_pb2 import Status

from shop.doors.grpc.calls import Call, CallRunner, build_call
from shop.doors.grpc.errors import CallError, DeadlineExceeded, build_retry_info, build_status, to_status
from shop.doors.grpc.methods import UNARY_METHODS, get_resource_name
from shop.model.errors import Invalid

log = logging.getLogger("shop.requests")
STATUS_BY_NUMBER = {each.value[0]: each for each in grpc.StatusCode}
FIRST_MESSAGE_TIMEOUT = 5  # seconds to wait for the message of a unary call
MAX_STREAM_SECONDS = 3600  # then a stream ends, and its client opens another one with the cursor


def parse_message(kind: type[Message], raw: bytes) -> Message:
    """Parse a message here, because the library would report bad bytes as an internal error."""
    try:
        return kind.FromString(raw)
    except DecodeError:
        raise CallError(to_status(Invalid(f"The message is not a valid {kind.DESCRIPTOR.name}."))) from None


async def read_single_message(raw_messages: AsyncIterator[bytes]) -> bytes:
    """Return the only message of a call; the library would never answer a client that sends none."""
    try:
        async with asyncio.timeout(FIRST_MESSAGE_TIMEOUT):
            async for raw in raw_messages:
                return raw
    except TimeoutError:
        raise DeadlineExceeded("No message arrived in time.") from None
    raise CallError(Status(code=code.UNIMPLEMENTED, message="The call has no message."))


async def end_old_stream(messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Yield the messages of a stream until it is too old.

    The age varies, so that clients do not all reconnect at the same moment.
    """
    end = asyncio.get_running_loop().time() + MAX_STREAM_SECONDS * uniform(0.9, 1.1)  # noqa: S311
    async with aclosing(messages):
        while True:
            try:
                async with asyncio.timeout_at(end) as clock:
                    message = await anext(messages)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if clock.expired():
                    raise build_stream_too_old_error() from None
                raise
            yield message


def build_stream_too_old_error() -> CallError:
    message = "This stream has run for long enough. Open another one."
    return CallError(build_status(code.UNAVAILABLE, message, "STREAM_TOO_OLD", build_retry_info(1)))


def build_handlers(
    runner: CallRunner, service: ServiceDescriptor, streams: dict[str, Any], *, free: bool = False
) -> grpc.GenericRpcHandler:
    """Return the handlers of all methods of a service.

    `streams` has the coroutines of the methods that stream; the others are in UNARY_METHODS.
    Calls of a service that is `free` cost no quota and are not logged.
    """

    def build_handler(method: MethodDescriptor) -> grpc.RpcMethodHandler:
        request_type, stream = GetMessageClass(method.input_type), streams.get(method.name)

        def open_call(context: grpc.aio.ServicerContext) -> CallLifecycle:
            return CallLifecycle(build_call(method, context, runner.proxy), context, quiet=free)

        async def handle_single(raw_messages: Any, context: grpc.aio.ServicerContext) -> bytes:
            async with open_call(context) as call, runner.admit_call(call, free=free):
                if stream:
                    answer = await stream(call, raw_messages)
                else:
                    request = parse_message(request_type, await read_single_message(raw_messages))
                    about = get_resource_name(method.name, request)
                    answer = await runner.run_for_call(call, UNARY_METHODS[method.name], request, about=about)
                return answer.SerializeToString()

        async def handle_stream(raw_messages: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
            async with open_call(context) as call, runner.admit_call(call, free=free):
                request = (
                    raw_messages
                    if method.client_streaming
                    else parse_message(request_type, await read_single_message(raw_messages))
                )
                async with aclosing(end_old_stream(stream(call, request))) as messages:
                    async for message in messages:
                        yield message.SerializeToString()
                        call.sent_count += 1

        if method.server_streaming:
            return grpc.stream_stream_rpc_method_handler(handle_stream)
        return grpc.stream_unary_rpc_method_handler(handle_single)

    return grpc.method_handlers_generic_handler(
        service.full_name, {each.name: build_handler(each) for each in service.methods}
    )


class CallLifecycle:
    """Finishes a call: turns an error into its status, sets the trailers, writes the line in the log."""

    def __init__(self, call: Call, context: grpc.aio.ServicerContext, *, quiet: bool) -> None:
        self.call, self.context, self.quiet = call, context, quiet

    async def __aenter__(self) -> Call:
        return self.call

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        status, trailers = self.get_final_status(error), [("x-request-id", self.call.ids["request_id"])]
        if not self.quiet:
            self.log_call(status)
        if self.call.cursor is not None:
            trailers.append(("shop-cursor", str(self.call.cursor)))
        if status and isinstance(error, Exception):
            trailers.append(("grpc-status-details-bin", status.SerializeToString()))
            await self.context.abort(STATUS_BY_NUMBER[status.code], status.message, tuple(trailers))
        if self.call.replayed:
            trailers.append(("idempotency-replayed", "true"))
        self.context.set_trailing_metadata(tuple(trailers))

    def log_call(self, status: Status | None) -> None:
        status_name = STATUS_BY_NUMBER[status.code].name if status else "OK"
        facts = {
            **self.call.ids, "method": "RPC", "route": self.call.path, "status": status_name,
            "ms": round((perf_counter() - self.call.started_at) * 1000, 1), "messages": self.call.sent_count,
            "user": self.call.user_id, "remote": self.call.remote,
        }  # fmt: skip
        log.info("request", extra={"request": facts})

    def get_final_status(self, error: BaseException | None) -> Status | None:
        if isinstance(error, Exception):
            status = to_status(error, request_id=self.call.ids["request_id"])
            if self.call.cursor is not None:
                status.message += f" Go on from cursor {self.call.cursor}."
            return status
        return Status(code=grpc.StatusCode.CANCELLED.value[0]) if error else None
