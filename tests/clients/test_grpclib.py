"""grpclib, a gRPC client that shares no code with grpcio, which serves the shop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.rpc.error_details_pb2 import ErrorInfo, ResourceInfo
from grpclib import GRPCError, Status
from grpclib.client import Channel, StreamStreamMethod, UnaryStreamMethod, UnaryUnaryMethod

from shop.app import create_app
from shop.cli.migrations import upgrade_database
from shop.domain.product import Product
from shop.doors.grpc import shop_pb2 as pb
from shop.model.moves import STAFF
from tests.conftest import PASSWORD, enroll_user, settings_for
from tests.grpc_client import GrpcClient, build_money, serving_grpc

TIMEOUT = 20


@pytest.fixture
def url(tmp_path):
    """The database of a shop with a lamp and a member of staff."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    app = create_app(settings_for(url))
    with app.app_context():
        upgrade_database()
        session = app.extensions["sqlalchemy"].session()
        session.add(Product(name="Brass lamp", description="", price=8900, stock=12))
        session.commit()
    enroll_user(app, "grace", STAFF)
    return url


@pytest.fixture
def server(url):
    with serving_grpc(url) as process:
        yield process


def run_with_channel(port, work):
    """Run a coroutine function with a channel, in a thread that has no event loop yet."""

    async def run():
        async with Channel("127.0.0.1", port) as channel:
            return await asyncio.wait_for(work(channel), TIMEOUT)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, run()).result()


async def log_in(channel):
    credentials = pb.LoginRequest(username="grace", password=PASSWORD)
    return (await call(channel, "TokenService/Login", credentials, pb.LoginResponse)).access_token


async def call(channel, path, request, kind):
    return await UnaryUnaryMethod(channel, f"/shop.v1.{path}", type(request), kind)(request)


def open_watch(channel):
    path = "/shop.v1.ProductService/WatchProducts"
    return UnaryStreamMethod(channel, path, pb.WatchProductsRequest, pb.WatchProductsResponse).open()


def test_a_stream_has_the_change_of_another_client(server):
    async def watch(channel):
        token = await log_in(channel)
        async with open_watch(channel) as stream:
            await stream.send_message(pb.WatchProductsRequest(), end=True)
            await stream.recv_message()
            other = GrpcClient(server.port)
            await asyncio.to_thread(other.call, "RestockProduct", token, id=1, amount=3)
            message = await stream.recv_message()
            await stream.cancel()
        return message.change

    change = run_with_channel(server.port, watch)
    assert (change.kind, change.product_id, change.stock) == (pb.CHANGE_KIND_STOCKED, 1, 15)


def test_a_stream_ends_with_its_status_and_its_cursor(server):
    async def update_prices(channel):
        path = "/shop.v1.ProductService/LivePriceUpdates"
        method = StreamStreamMethod(channel, path, pb.LivePriceUpdatesRequest, pb.LivePriceUpdatesResponse)
        request = pb.LivePriceUpdatesRequest(product_id=1, price=build_money("79.50"))
        metadata = {"authorization": f"Bearer {await log_in(channel)}"}
        async with method.open(metadata=metadata) as stream:
            await stream.send_message(request, end=True)
            messages = [each async for each in stream]
        return messages, dict(stream.trailing_metadata)

    messages, trailers = run_with_channel(server.port, update_prices)
    (answer,) = [each.answer for each in messages if each.HasField("answer")]
    (change,) = [each for each in messages if each.HasField("change")]
    assert (answer.product.price, change.change.price) == (build_money("79.50"), build_money("79.50"))
    assert trailers["shop-cursor"] == str(change.cursor)


def test_a_server_that_stops_ends_a_stream_with_its_cursor(server):
    async def watch_to_the_end(channel):
        stream = open_watch(channel)
        try:
            async with stream:
                await stream.send_message(pb.WatchProductsRequest(), end=True)
                await stream.recv_message()
                server.popen.terminate()
                async for _ in stream:
                    pass
        except GRPCError as error:
            return error.status, stream.trailing_metadata["shop-cursor"]

    assert run_with_channel(server.port, watch_to_the_end) == (Status.UNAVAILABLE, "0")


def test_a_refusal_has_its_status_and_details(server):
    async def get_product(channel):
        await call(channel, "ProductService/GetProduct", pb.GetProductRequest(id=99), pb.GetProductResponse)

    with pytest.raises(GRPCError) as caught:
        run_with_channel(server.port, get_product)
    assert (caught.value.status, caught.value.message) == (Status.NOT_FOUND, "There is no such product.")
    assert [type(each) for each in caught.value.details] == [ErrorInfo, ResourceInfo]
