"""The handlers of all methods: read the messages, run the method, finish the call with status and log."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from random import uniform
from time import perf_counter
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet
from google.rpc import code_pb2 as code
from google.rpc.status_pb2 import Status

from shop.doors.grpc.calls import Call, CallRunner, build_call
from shop.doors.grpc.errors import CallError, DeadlineExceeded, TryAgain, to_status
from shop.doors.grpc.methods import UNARY_METHODS, get_resource_name
from shop.model.errors import Invalid

log = logging.getLogger("shop.requests")
STATUS_BY_NUMBER = {each.value[0]: each for each in grpc.StatusCode}
FIRST_MESSAGE_TIMEOUT = 5  # seconds to wait for the message of a unary call
MAX_EXPLAINED_SIZE = 10_000  # bytes; in a larger message it takes too long to find an unknown field
MAX_STREAM_SECONDS = 3600  # then a stream ends, and its client opens another one with the cursor


def parse_message(kind: type[Message], raw: bytes) -> Message:
    """Parse a message here, because the library would report bad bytes as an internal error.

    Unknown fields are refused: the client has another .proto, and what it means by them would be lost.
    """
    try:
        message = kind.FromString(raw)
        size = message.ByteSize()
        message.DiscardUnknownFields()
        if message.ByteSize() != size:
            raise build_unknown_field_error(kind, raw)
    except DecodeError:
        raise CallError(to_status(Invalid(f"The message is not a valid {kind.DESCRIPTOR.name}."))) from None
    return message


def build_unknown_field_error(kind: type[Message], raw: bytes) -> CallError:
    """Return the refusal of a message with an unknown field, which it names unless the message is large."""
    found = find_unknown_field(kind.FromString(raw)) if len(raw) <= MAX_EXPLAINED_SIZE else None
    name, number = found or (kind.DESCRIPTOR.name, None)
    what = f"field {number}" if number else "a field"
    message = f"{name} has {what}, which the .proto of this server does not have or has with another type."
    flaws = {str(number): ["Generate your client from the .proto of this server."]} if number else {}
    return CallError(to_status(Invalid(message, errors=flaws)))


def find_unknown_field(message: Message) -> tuple[str, int] | None:
    """Return an unknown field of a message or of one below it: the name of the message and the number."""
    for unknown in UnknownFieldSet(message):
        return message.DESCRIPTOR.name, unknown.field_number
    for field, value in message.ListFields():
        if field.message_type:
            for below in value if field.is_repeated else [value]:
                if found := find_unknown_field(below):
                    return found
    return None


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
                    message = "This stream has run for long enough. Open another one."
                    raise TryAgain(code.UNAVAILABLE, message, "STREAM_TOO_OLD") from None
                raise
            yield message


def build_handlers(
    runner: CallRunner, service: ServiceDescriptor, streams: dict[str, Any], *, free: bool = False
) -> grpc.GenericRpcHandler:
    """Return the handlers of all methods of a service.

    `streams` has the coroutines of the methods that stream; the others are in UNARY_METHODS.
    Calls of a service that is `free` cost no quota and are not logged.
    """
    handlers = [MethodHandler(runner, each, streams.get(each.name), free) for each in service.methods]
    return grpc.method_handlers_generic_handler(
        service.full_name, {each.method.name: each.build_rpc_handler() for each in handlers}
    )


@dataclass(frozen=True)
class MethodHandler:
    """Handles the calls of one method."""

    runner: CallRunner
    method: MethodDescriptor
    stream: Callable[[Call, Any], Any] | None
    free: bool

    def build_rpc_handler(self) -> grpc.RpcMethodHandler:
        if self.method.server_streaming:
            return grpc.stream_stream_rpc_method_handler(self.handle_stream)
        return grpc.stream_unary_rpc_method_handler(self.handle_single)

    async def handle_single(self, raw_messages: Any, context: grpc.aio.ServicerContext) -> bytes:
        async with self.open_call(context) as call:
            if self.stream:
                answer = await self.stream(call, raw_messages)
            else:
                request = await self.read_request(raw_messages)
                call.about = get_resource_name(self.method.name, request)
                answer = await self.runner.run_for_call(call, UNARY_METHODS[self.method.name], request)
            return answer.SerializeToString()

    async def handle_stream(
        self, raw_messages: Any, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[bytes]:
        async with self.open_call(context) as call:
            has_stream = self.method.client_streaming
            request = raw_messages if has_stream else await self.read_request(raw_messages)
            async with aclosing(end_old_stream(self.stream(call, request))) as messages:
                async for message in messages:
                    yield message.SerializeToString()
                    call.sent_count += 1

    async def read_request(self, raw_messages: AsyncIterator[bytes]) -> Message:
        raw = await read_single_message(raw_messages)
        return parse_message(GetMessageClass(self.method.input_type), raw)

    @asynccontextmanager
    async def open_call(self, context: grpc.aio.ServicerContext) -> AsyncIterator[Call]:
        """Admit a call, and finish it with its status, its trailers and its line in the log."""
        call = build_call(self.method, context, self.runner.proxy)
        error: BaseException | None = None
        try:
            async with self.runner.admit_call(call, free=self.free):
                yield call
        except BaseException as raised:
            error = raised
            raise
        finally:
            status = find_final_status(call, error)
            if not self.free:
                log_call(call, status)
            await send_trailers(call, context, status, failed=isinstance(error, Exception))


def find_final_status(call: Call, error: BaseException | None) -> Status | None:
    """Return the status of a call that failed or was cancelled, None if it ended well."""
    if isinstance(error, Exception):
        status = to_status(error, request_id=call.ids["request_id"])
        if call.cursor is not None:
            status.message += f" Go on from cursor {call.cursor}."
        return status
    return Status(code=code.CANCELLED) if error else None


def log_call(call: Call, status: Status | None) -> None:
    facts = {
        **call.ids, "method": "RPC", "route": call.path,
        "status": STATUS_BY_NUMBER[status.code].name if status else "OK",
        "ms": round((perf_counter() - call.started_at) * 1000, 1), "messages": call.sent_count,
        "user": call.user_id, "remote": call.remote,
    }  # fmt: skip
    log.info("request", extra={"request": facts})


async def send_trailers(
    call: Call, context: grpc.aio.ServicerContext, status: Status | None, *, failed: bool
) -> None:
    trailers = [("x-request-id", call.ids["request_id"])]
    if call.cursor is not None:
        trailers.append(("shop-cursor", str(call.cursor)))
    if status and failed:
        trailers.append(("grpc-status-details-bin", status.SerializeToString()))
        await context.abort(STATUS_BY_NUMBER[status.code], status.message, tuple(trailers))
    if call.replayed:
        trailers.append(("idempotency-replayed", "true"))
    context.set_trailing_metadata(tuple(trailers))
