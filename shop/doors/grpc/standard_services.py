"""The services that every gRPC server has, health and reflection, within the bounds that all calls have."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import grpc
from google.rpc import code_pb2 as code
from google.rpc.status_pb2 import Status
from grpc_health.v1.health import aio as health
from grpc_health.v1.health_pb2 import DESCRIPTOR as HEALTH_FILE
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.reflection_pb2 import DESCRIPTOR as REFLECTION_FILE
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from shop.doors.grpc.calls import Call, CallRunner, parse_message, read_single_message
from shop.doors.grpc.errors import CallError

HEALTH_SERVICE = HEALTH_FILE.services_by_name["Health"]
REFLECTION_SERVICE = REFLECTION_FILE.services_by_name["ServerReflection"]


class ServicerContext(asyncio.Queue[Any]):
    """What a servicer of the library takes for the context of its call: it writes its messages to it."""

    write = asyncio.Queue.put

    async def abort(self, status: grpc.StatusCode, message: str = "There is no such service.") -> NoReturn:
        raise CallError(Status(code=status.value[0], message=message))


class HealthMethods:
    """The health of the server and of each of its services, as `servicer` knows it. It costs no quota."""

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
    """Tells the services to clients that have no .proto. Each question costs a call."""

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
        first = True  # which was counted when the call came
        async for raw in raw_messages:
            if not first:
                await self.runner.count_call(call)
            first = False
            yield parse_message(ServerReflectionRequest, raw)
