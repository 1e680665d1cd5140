"""Calling the shop over gRPC, as programs in any language do: by the descriptors alone."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from google.type.money_pb2 import Money

from shop.doors.grpc import shop_pb2 as pb
from shop.doors.grpc.messages import get_enum_prefix
from tests.running import Process

METHODS = {each.name: each for service in pb.DESCRIPTOR.services_by_name.values() for each in service.methods}
SECONDS = 20


class Refused(Exception):
    """What a call ended with, with its details unpacked."""

    def __init__(self, error: grpc.RpcError) -> None:
        self.code, self.message = error.code().name, error.details()
        self.trailers = dict(error.trailing_metadata() or ())
        super().__init__(f"{self.code}: {self.message}")
        status = Status.FromString(self.trailers.get("grpc-status-details-bin", b""))
        self.details = {each.type_url.rpartition(".")[2]: unpacked(each) for each in status.details}

    @property
    def reason(self) -> str:
        return self.details["ErrorInfo"].reason

    @property
    def fields(self) -> list[str]:
        return [each.field for each in self.details["BadRequest"].field_violations]


def unpacked(detail: Any) -> Message:
    return getattr(error_details_pb2, detail.type_url.rpartition(".")[2]).FromString(detail.value)


@dataclass
class Line:
    """A channel to `shop grpc`."""

    port: int
    credentials: grpc.ChannelCredentials | None = None
    channel: grpc.Channel = field(init=False)

    def __post_init__(self) -> None:
        place = f"localhost:{self.port}"
        secured = self.credentials and grpc.secure_channel(place, self.credentials)
        self.channel = secured or grpc.insecure_channel(place)

    def method(self, name: str, raw: bool = False) -> Callable[..., Any]:
        known = METHODS[name]
        ways = ("stream" if way else "unary" for way in (known.client_streaming, known.server_streaming))
        wire = (None, None) if raw else (
            GetMessageClass(known.input_type).SerializeToString, GetMessageClass(known.output_type).FromString
        )  # fmt: skip
        return getattr(self.channel, "_".join(ways))(f"/{known.containing_service.full_name}/{name}", *wire)

    def call(self, name: str, token: str = "", /, **words: Any) -> Any:
        return self.send(name, GetMessageClass(METHODS[name].input_type)(**words), token)

    def send(
        self, name: str, given: Any, token: str = "", raw: bool = False, timeout: float = SECONDS
    ) -> Any:
        try:
            return self.method(name, raw)(given, timeout=timeout, metadata=bearer(token))
        except grpc.RpcError as error:
            raise Refused(error) from None

    def follow(
        self, name: str, token: str = "", /, given: Iterable[Message] | None = None, **words: Any
    ) -> Any:
        """The messages of a stream; `cancel()` ends it."""
        said = given if given is not None else GetMessageClass(METHODS[name].input_type)(**words)
        return self.method(name)(said, timeout=SECONDS, metadata=bearer(token))


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),) if token else ()


def end(stream: Any) -> Refused:
    """What a stream ends with, whatever comes before."""
    try:
        for _ in stream:
            pass
    except grpc.RpcError as error:
        return Refused(error)
    raise AssertionError("it ended well")


def money(text: str, currency: str = "USD") -> Money:
    units, nanos = divmod(abs(Decimal(text)) * 10**9, 10**9)
    sign = -1 if text.startswith("-") else 1
    return Money(currency_code=currency, units=sign * int(units), nanos=sign * int(nanos))


def plainly(message: Message) -> dict[str, Any]:
    """What every door says, spelled the same."""
    return {
        each.name: plain(each, getattr(message, each.name))
        for each in message.DESCRIPTOR.fields
        if not each.has_presence or message.HasField(each.name)
    }


def plain(known: Any, value: Any) -> Any:
    if known.is_repeated:
        return [plainly(each) if known.message_type else each for each in value]
    if isinstance(value, Money):
        return float(value.units + Decimal(value.nanos).scaleb(-9))
    if known.message_type:
        return plainly(value)
    enum = known.enum_type
    return enum.values_by_number[value].name.removeprefix(get_enum_prefix(enum)).lower() if enum else value


@contextmanager
def calling(url: str, **settings: str) -> Iterator[Process]:
    process = Process(url, settings=settings, command="grpc").start()
    try:
        yield process
    finally:
        process.stop()
