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

from shop.doors.grpc.adapter import Call, Door, parse, read_only_message
from shop.doors.grpc.errors import Refusal

HEALTH = HEALTH_FILE.services_by_name["Health"]
REFLECTION = REFLECTION_FILE.services_by_name["ServerReflection"]


class Context(asyncio.Queue[Any]):
    """What a servicer of the library takes for the context of its call: it writes its messages to it."""

    write = asyncio.Queue.put

    async def abort(self, status: grpc.StatusCode, message: str = "There is no such service.") -> NoReturn:
        raise Refusal(Status(code=status.value[0], message=message))


class Health:
    """The health of the server and of each of its services, as `pulse` knows it. It costs no quota."""

    def __init__(self, pulse: health.HealthServicer) -> None:
        self.pulse = pulse

    def methods(self) -> dict[str, Any]:
        return {"Check": self.check, "List": self.list_services, "Watch": self.watch}

    async def check(self, _: Call, given: AsyncIterator[bytes]) -> HealthCheckResponse:
        request = parse(HealthCheckRequest, await read_only_message(given))
        return await self.pulse.Check(request, Context())

    async def list_services(self, _: Call, given: AsyncIterator[bytes]) -> NoReturn:
        raise Refusal(Status(code=code.UNIMPLEMENTED, message="Ask for the health of one service."))

    async def watch(self, _: Call, request: HealthCheckRequest) -> AsyncIterator[HealthCheckResponse]:
        context = Context(1)
        task = asyncio.create_task(self.pulse.Watch(request, context))
        try:
            while True:
                yield await context.get()
        finally:
            task.cancel()


class Reflection:
    """Tells the services to clients that have no .proto. Each question costs a call."""

    def __init__(self, door: Door, names: tuple[str, ...]) -> None:
        self.door, self.servicer = door, reflection.aio.ReflectionServicer(names)

    def methods(self) -> dict[str, Any]:
        return {"ServerReflectionInfo": self.answer}

    async def answer(self, call: Call, given: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        async for answer in self.servicer.ServerReflectionInfo(self.read_questions(call, given), None):
            yield answer

    async def read_questions(
        self, call: Call, given: AsyncIterator[bytes]
    ) -> AsyncIterator[ServerReflectionRequest]:
        first = True  # which was counted when the call came
        async for raw in given:
            if not first:
                await self.door.count(call)
            first = False
            yield parse(ServerReflectionRequest, raw)
