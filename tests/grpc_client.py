"""A gRPC client for the tests. It knows only the descriptors, as clients in other languages do."""

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
TIMEOUT = 20


class CallError(Exception):
    """The status that a call ended with, with its details unpacked."""

    def __init__(self, error: grpc.RpcError) -> None:
        self.code, self.message = error.code().name, error.details()
        self.trailers = dict(error.trailing_metadata() or ())
        super().__init__(f"{self.code}: {self.message}")
        status = Status.FromString(self.trailers.get("grpc-status-details-bin", b""))
        self.details = {each.type_url.rpartition(".")[2]: unpack_detail(each) for each in status.details}

    @property
    def reason(self) -> str:
        return self.details["ErrorInfo"].reason

    @property
    def fields(self) -> list[str]:
        return [each.field for each in self.details["BadRequest"].field_violations]


def unpack_detail(detail: Any) -> Message:
    return getattr(error_details_pb2, detail.type_url.rpartition(".")[2]).FromString(detail.value)


@dataclass
class GrpcClient:
    """A client of `shop grpc`."""

    port: int
    credentials: grpc.ChannelCredentials | None = None
    channel: grpc.Channel = field(init=False)

    def __post_init__(self) -> None:
        address = f"localhost:{self.port}"
        secured = self.credentials and grpc.secure_channel(address, self.credentials)
        self.channel = secured or grpc.insecure_channel(address)

    def method(self, name: str, raw: bool = False) -> Callable[..., Any]:
        descriptor = METHODS[name]
        kinds = (
            "stream" if streams else "unary"
            for streams in (descriptor.client_streaming, descriptor.server_streaming)
        )
        codecs = (None, None) if raw else (
            GetMessageClass(descriptor.input_type).SerializeToString, GetMessageClass(descriptor.output_type).FromString
        )  # fmt: skip
        return getattr(self.channel, "_".join(kinds))(
            f"/{descriptor.containing_service.full_name}/{name}", *codecs
        )

    def call(self, name: str, token: str = "", /, **words: Any) -> Any:
        return self.send(name, GetMessageClass(METHODS[name].input_type)(**words), token)

    def send(
        self, name: str, given: Any, token: str = "", raw: bool = False, timeout: float = TIMEOUT
    ) -> Any:
        try:
            return self.method(name, raw)(given, timeout=timeout, metadata=build_metadata(token))
        except grpc.RpcError as error:
            raise CallError(error) from None

    def follow(
        self, name: str, token: str = "", /, given: Iterable[Message] | None = None, **words: Any
    ) -> Any:
        """Open a stream and return its messages; `cancel()` ends it."""
        messages = given if given is not None else GetMessageClass(METHODS[name].input_type)(**words)
        return self.method(name)(messages, timeout=TIMEOUT, metadata=build_metadata(token))


def build_metadata(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),) if token else ()


def read_error(stream: Any) -> CallError:
    """Read a stream to its end and return the error that ends it."""
    try:
        for _ in stream:
            pass
    except grpc.RpcError as error:
        return CallError(error)
    raise AssertionError("the stream ended without an error")


def build_money(text: str, currency: str = "USD") -> Money:
    units, nanos = divmod(abs(Decimal(text)) * 10**9, 10**9)
    sign = -1 if text.startswith("-") else 1
    return Money(currency_code=currency, units=sign * int(units), nanos=sign * int(nanos))


def to_dict(message: Message) -> dict[str, Any]:
    """Return a message in the spelling that is the same for all doors."""
    return {
        each.name: to_value(each, getattr(message, each.name))
        for each in message.DESCRIPTOR.fields
        if not each.has_presence or message.HasField(each.name)
    }


def to_value(descriptor: Any, value: Any) -> Any:
    if descriptor.is_repeated:
        return [to_dict(each) if descriptor.message_type else each for each in value]
    if isinstance(value, Money):
        return float(value.units + Decimal(value.nanos).scaleb(-9))
    if descriptor.message_type:
        return to_dict(value)
    enum = descriptor.enum_type
    return enum.values_by_number[value].name.removeprefix(get_enum_prefix(enum)).lower() if enum else value


@contextmanager
def serving_grpc(url: str, **settings: str) -> Iterator[Process]:
    process = Process(url, settings=settings, command="grpc").start()
    try:
        yield process
    finally:
        process.stop()
