"""The standard services for health and reflection, with the same limits as all other calls."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import grpc
from google.protobuf import descriptor_pool, text_format
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.rpc import code_pb2 as code
from google.rpc.status_pb2 import Status
from grpc_health.v1.health import aio as health
from grpc_health.v1.health_pb2 import DESCRIPTOR as HEALTH_FILE
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.reflection_pb2 import DESCRIPTOR as V1ALPHA_FILE
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from shop.doors.grpc.calls import Call, CallRunner
from shop.doors.grpc.errors import CallError
from shop.doors.grpc.handlers import parse_message, read_single_message

HEALTH_SERVICE = HEALTH_FILE.services_by_name["Health"]


def add_v1_file() -> FileDescriptor:
    """Return the file of reflection v1, which the library lacks: that of v1alpha with another package.

    It is added to the pool that reflection answers from, so that it describes itself.
    """
    content = FileDescriptorProto()
    V1ALPHA_FILE.CopyToProto(content)
    renamed = text_format.Parse(str(content).replace("v1alpha", "v1"), FileDescriptorProto())
    return descriptor_pool.Default().AddSerializedFile(renamed.SerializeToString())


# The messages of both versions have the same bytes, so that the same methods serve both.
REFLECTION_SERVICES: tuple[ServiceDescriptor, ...] = tuple(
    each.services_by_name["ServerReflection"] for each in (V1ALPHA_FILE, add_v1_file())
)


class ServicerContext(asyncio.Queue[Any]):
    """Replaces the context of a call for a servicer of the library, and queues the messages it writes."""

    write = asyncio.Queue.put

    async def abort(self, status: grpc.StatusCode, message: str = "There is no such service.") -> NoReturn:
        raise CallError(Status(code=status.value[0], message=message))


class HealthMethods:
    """The methods of the health service."""

    def __init__(self, servicer: health.HealthServicer) -> None:
        self.servicer = servicer

    def get_methods(self) -> dict[str, Any]:
        return {"Check": self.check_health, "List": self.refuse_list, "Watch": self.watch_health}

    async def check_health(self, _: Call, raw_messages: AsyncIterator[bytes]) -> HealthCheckResponse:
        request = parse_message(HealthCheckRequest, await read_single_message(raw_messages))
        return await self.servicer.Check(request, ServicerContext())

    async def refuse_list(self, _: Call, raw_messages: AsyncIterator[bytes]) -> NoReturn:
        raise CallError(Status(code=code.UNIMPLEMENTED, message="Ask for the health of one service."))

    async def watch_health(self, _: Call, request: HealthCheckRequest) -> AsyncIterator[HealthCheckResponse]:
        context = ServicerContext(1)
        task = asyncio.create_task(self.servicer.Watch(request, context))
        try:
            while True:
                yield await context.get()
        finally:
            task.cancel()


class ReflectionMethods:
    """The methods of the reflection service, for clients without the .proto. Each question costs a call."""

    def __init__(self, runner: CallRunner, names: tuple[str, ...]) -> None:
        self.runner, self.servicer = runner, reflection.aio.ReflectionServicer(names)

    def get_methods(self) -> dict[str, Any]:
        return {"ServerReflectionInfo": self.answer_questions}

    async def answer_questions(self, call: Call, raw_messages: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        async for answer in self.servicer.ServerReflectionInfo(self.read_questions(call, raw_messages), None):
            yield answer

    async def read_questions(
        self, call: Call, raw_messages: AsyncIterator[bytes]
    ) -> AsyncIterator[ServerReflectionRequest]:
        first = True  # the first question was counted with the call
        async for raw in raw_messages:
            if not first:
                await self.runner.count_call(call)
            first = False
            yield parse_message(ServerReflectionRequest, raw)
