"""Clients of the .proto of the original request fail instead of reading wrong data or changing anything.

They are built from original/product.proto, which differs from the original only by its package.
"""

import time
from itertools import product as combine
from pathlib import Path
from string import ascii_uppercase

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from grpc_tools import protoc

from shop.doors.grpc import shop_pb2 as pb
from tests.grpc_client import CallError, build_metadata, build_money

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """The ProductService of the original .proto."""
    path = tmp_path_factory.mktemp("original") / "product.binpb"
    assert not protoc.main(
        ["protoc", f"-I{HERE / 'original'}", f"--descriptor_set_out={path}", "product.proto"]
    )
    pool = DescriptorPool()
    for each in FileDescriptorSet.FromString(path.read_bytes()).file:
        pool.Add(each)
    return pool.FindServiceByName("shop.v1.ProductService")


@pytest.fixture
def call(grpc_client, staff_token, service):
    """A function that calls a method as the original client does, as staff, and returns all answers."""

    def call(name, *given, timeout=5):
        method = service.methods_by_name[name]
        kind, answer = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        kinds = ["stream" if each else "unary" for each in (method.client_streaming, method.server_streaming)]
        messages = [kind(**each) for each in given]
        stub = getattr(grpc_client.channel, "_".join(kinds))(
            f"/shop.v1.ProductService/{name}", kind.SerializeToString, answer.FromString
        )
        found = stub(
            iter(messages) if method.client_streaming else messages[0],
            timeout=timeout, metadata=build_metadata(staff_token),
        )  # fmt: skip
        return list(found) if method.server_streaming else [found]

    return call


def get_failure(call, name, *given):
    with pytest.raises(grpc.RpcError) as caught:
        call(name, *given)
    return caught.value.code().name, caught.value.details()


PRODUCT = {"name": "MacBook Pro", "description": "16-inch M3 Max", "price": 2499.99, "stock": 10}


@pytest.mark.parametrize(("name", "given", "number"), [
    ("GetProduct", {"id": 1}, 1),
    ("ListProducts", {"page": 1}, 1),
    ("ListProducts", {"page_size": 10}, 2),
    ("ListProducts", {"sort_by": "price"}, 3),
    ("ListProducts", {"page": 1, "page_size": 10, "sort_by": "price"}, 1),
    ("CreateProduct", PRODUCT, 3),
    ("UpdateProduct", {"id": 1, **PRODUCT}, 1),
    ("UpdateProduct", {"id": 1, "stock": 15}, 1),
    ("UpdateProduct", {"price": 15}, 4),
    ("DeleteProduct", {"id": 1}, 1),
    ("WatchProducts", {"id": 1}, 1),
    ("BatchCreateProducts", PRODUCT, 1),
    ("BatchCreateProducts", {"name": "Free"}, 1),
    ("BatchCreateProducts", {"price": 99.99}, 3),
    ("LivePriceUpdates", {"product_id": 1, "new_price": 9.5}, 1),
    ("LivePriceUpdates", {"product_id": 1}, 1),
    ("LivePriceUpdates", {"new_stock": 1}, 3),
    ("LivePriceUpdates", {"timestamp": 1}, 4),
])  # fmt: skip
def test_a_request_is_refused_by_the_number_of_its_field(call, grpc_client, lamp, name, given, number):
    code, message = get_failure(call, name, given)
    assert (code, f"field {number}" in message) == ("INVALID_ARGUMENT", True)
    found = grpc_client.call("ListProducts").products
    assert [(each.name, each.price, each.stock) for each in found] == [("Lamp", build_money("89.50"), 5)]


@pytest.mark.parametrize("name", ["GetProduct", "UpdateProduct", "DeleteProduct", "CreateProduct"])
def test_a_request_without_any_field_is_refused(call, lamp, name):
    assert get_failure(call, name, {})[0] in ("NOT_FOUND", "INVALID_ARGUMENT")


def test_a_creation_without_a_price_is_refused(call):
    assert get_failure(call, "CreateProduct", {"name": "Free", "stock": 1})[0] == "INVALID_ARGUMENT"


def test_a_list_without_any_field_cannot_be_read(call, lamp):
    assert get_failure(call, "ListProducts", {})[0] == "INTERNAL"


def test_no_currency_can_be_read_as_a_product(service):
    message = GetMessageClass(service.methods_by_name["ListProducts"].output_type)
    for letters in combine(ascii_uppercase, repeat=3):
        with pytest.raises(DecodeError):
            message.FromString(pb.ListProductsResponse(currency_code="".join(letters)).SerializeToString())


def test_live_prices_name_no_product_before_the_refusal(grpc_client, staff_token, lamp, service):
    update = GetMessageClass(service.methods_by_name["LivePriceUpdates"].output_type)
    opened = grpc_client.follow("LivePriceUpdates", staff_token, given=iter([]))
    assert update.FromString(next(opened).SerializeToString()) == update()


def test_many_unknown_fields_are_refused_without_a_look_at_each(grpc_client):
    began = time.monotonic()
    with pytest.raises(CallError, match="GetProductRequest has a field") as caught:
        grpc_client.send("GetProduct", b"\x08\x00" * 500_000, raw=True)
    assert (caught.value.code, time.monotonic() - began < 1) == ("INVALID_ARGUMENT", True)


def test_an_unknown_field_is_named_in_the_details(grpc_client):
    with pytest.raises(CallError) as caught:
        grpc_client.send("GetProduct", b"\x10\x01\xfa\x3e\x03new", raw=True)
    assert (caught.value.reason, caught.value.fields) == ("INVALID", ["1007"])


def test_a_field_is_refused_at_any_depth(grpc_client, customer_token, lamp):
    line = pb.PlaceOrderRequest(items=[{"product_id": lamp, "quantity": 1}]).SerializeToString()
    raw = line.replace(b"\x0a\x04", b"\x0a\x06") + b"\x18\x01"
    with pytest.raises(CallError, match="INVALID_ARGUMENT: Line has field 3,"):
        grpc_client.send("PlaceOrder", raw, customer_token, raw=True)
