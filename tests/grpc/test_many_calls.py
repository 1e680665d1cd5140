"""Callers that open many calls and send nothing do not block other callers."""

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest

from shop.doors.grpc.calls import MAX_CALLS_PER_ADDRESS, MAX_STREAMS_PER_CALLER
from shop.doors.grpc.open_calls import OpenCalls
from shop.hypermedia.callers import group_address
from tests.grpc_client import CallError, GrpcClient, read_error, serving_grpc
from tests.running import Process

GET, WATCH = "/shop.v1.ProductService/GetProduct", "/shop.v1.ProductService/WatchProducts"
REFLECT = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
REFLECT_V1 = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
CHECK, WATCH_HEALTH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"


@pytest.fixture
def url(app):
    return app.extensions["shop"].settings.database_url


@pytest.fixture
def proxied_server(url):
    """A server that trusts this machine as its proxy, so that a call can come from any address."""
    with serving_grpc(url, SHOP_TRUSTED_PROXY="127.0.0.1") as shop:
        yield shop


@contextmanager
def serve_with_short_timeouts(url):
    process = Process(url, module="tests.grpc.short_timeouts", command="grpc").start()
    try:
        yield process
    finally:
        process.stop()


def run_coroutine(work):
    """Run a coroutine in another thread, because a browser test may have left its event loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def open_calls(port, paths, count, address="", message=None, token=""):
    """Open this many calls at once, then make one call from another address.

    Return how often each code ended one of the many calls, and the code of the other call.
    """
    metadata = (("x-forwarded-for", address),) if address else ()
    metadata += (("authorization", f"Bearer {token}"),) if token else ()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        calls = [channel.stream_stream(paths[n % len(paths)])(metadata=metadata) for n in range(count)]
        readers = [asyncio.create_task(read_to_end(each, message)) for each in calls]
        await asyncio.sleep(2)
        codes = Counter([await each.code() for each in calls if each.done()])
        elsewhere = await get_product(channel)
        for each in readers:
            each.cancel()
    return {code.name: found for code, found in codes.items()}, elsewhere


async def read_to_end(call, message):
    try:
        if message is not None:
            await call.write(message)
        while await call.read() is not grpc.aio.EOF:
            pass
    except grpc.RpcError:
        pass


async def get_product(channel):
    try:
        await channel.unary_unary(GET)(b"\x10\x01", timeout=5, metadata=(("x-forwarded-for", "192.0.2.7"),))
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


class TestCallsUnderWay:
    @pytest.mark.parametrize(
        "paths", [[GET], [CHECK], [GET, WATCH, REFLECT, REFLECT_V1, CHECK, WATCH_HEALTH]]
    )
    def test_that_send_nothing_are_bounded_for_an_address(self, proxied_server, lamp, paths):
        count = MAX_CALLS_PER_ADDRESS + 50
        codes, elsewhere = run_coroutine(open_calls(proxied_server.port, paths, count, "198.51.100.1"))
        assert (sum(codes.values()) >= 50, elsewhere) == (True, "OK")

    @pytest.mark.parametrize("path", [WATCH, WATCH_HEALTH])
    def test_that_are_streams_are_bounded_for_an_address(self, proxied_server, lamp, path):
        count = MAX_STREAMS_PER_CALLER + 10
        codes, elsewhere = run_coroutine(open_calls(proxied_server.port, [path], count, "198.51.100.1", b""))
        assert (sum(codes.values()), elsewhere) == (10, "OK")

    def test_of_one_network_of_version_6_count_together(self, proxied_server, lamp):
        async def open_two():
            count = MAX_STREAMS_PER_CALLER - 20
            return await asyncio.gather(
                open_calls(proxied_server.port, [WATCH], count, "2001:db8::1", b""),
                open_calls(proxied_server.port, [WATCH], count, "2001:db8::ffff", b""),
            )

        ended = sum(sum(codes.values()) for codes, _ in run_coroutine(open_two()))
        assert ended == MAX_STREAMS_PER_CALLER - 40

    def test_of_a_stream_count_for_the_account_whatever_the_address(
        self, proxied_server, customer_token, lamp
    ):
        async def open_two():
            count = MAX_STREAMS_PER_CALLER - 20
            return await asyncio.gather(
                open_calls(proxied_server.port, [WATCH], count, "198.51.100.1", b"", customer_token),
                open_calls(proxied_server.port, [WATCH], count, "198.51.100.2", b"", customer_token),
            )

        ended = sum(sum(codes.values()) for codes, _ in run_coroutine(open_two()))
        assert ended == MAX_STREAMS_PER_CALLER - 40

    def test_may_be_opened_again_when_others_have_ended(self, proxied_server, lamp):
        for _ in range(2):
            codes, _ = run_coroutine(
                open_calls(proxied_server.port, [WATCH], MAX_STREAMS_PER_CALLER, "198.51.100.1", b"")
            )
            assert codes == {}

    def test_too_many_are_told_so(self, grpc_client, lamp):
        streams = [grpc_client.follow("WatchProducts") for _ in range(MAX_STREAMS_PER_CALLER)]
        for each in streams:
            next(each)
        refused = read_error(grpc_client.follow("WatchProducts"))
        for each in streams:
            each.cancel()
        assert (refused.code, refused.reason, refused.details["RetryInfo"].retry_delay.seconds) == (
            "RESOURCE_EXHAUSTED",
            "TOO_MANY_OPEN",
            1,
        )


class TestTheAddress:
    def test_of_version_4_that_is_written_as_one_of_version_6_is_that_of_version_4(self):
        assert (group_address("::ffff:192.0.2.1"), group_address("2001:db8::1%eth0")) == (
            "192.0.2.1",
            "2001:db8::/64",
        )

    def test_that_a_client_claims_counts_for_nothing_without_a_proxy(self, url, lamp):
        with serving_grpc(url, SHOP_RATE_LIMIT="2/minute") as shop:
            codes = [self.call(shop.port, f"198.51.100.{n}") for n in range(3)]
        assert codes == ["OK", "OK", "RESOURCE_EXHAUSTED"]

    def test_that_the_proxy_names_is_counted(self, url, lamp):
        with serving_grpc(url, SHOP_RATE_LIMIT="2/minute", SHOP_TRUSTED_PROXY="127.0.0.1") as shop:
            codes = [self.call(shop.port, f"spoofed, 198.51.100.{n}") for n in range(3)]
        assert codes == ["OK", "OK", "OK"]

    def test_that_is_none_is_that_of_the_proxy(self, url, lamp):
        with serving_grpc(url, SHOP_RATE_LIMIT="2/minute", SHOP_TRUSTED_PROXY="127.0.0.1") as shop:
            codes = [self.call(shop.port, f"nowhere-{n}") for n in range(3)]
        assert codes == ["OK", "OK", "RESOURCE_EXHAUSTED"]

    def call(self, port, address):
        method = GrpcClient(port).method("GetProduct", raw=True)
        try:
            method(b"\x10\x01", timeout=5, metadata=(("x-forwarded-for", address),))
        except grpc.RpcError as error:
            return error.code().name
        return "OK"


class TestACallWithoutAMessage:
    def test_is_counted_when_it_comes(self, url, lamp):
        with serving_grpc(url, SHOP_RATE_LIMIT="5/minute") as shop:
            run_coroutine(open_calls(shop.port, [GET], 5))
            with pytest.raises(CallError, match="RESOURCE_EXHAUSTED"):
                GrpcClient(shop.port).call("GetProduct", id=lamp)

    @pytest.mark.parametrize("path", [GET, WATCH, CHECK, WATCH_HEALTH])
    def test_is_not_waited_for_long(self, url, lamp, path):
        with serve_with_short_timeouts(url) as shop:
            codes, _ = run_coroutine(open_calls(shop.port, [path], 3))
        assert codes == {"DEADLINE_EXCEEDED": 3}


class TestAnOldStream:
    def test_ends_and_tells_where_to_go_on(self, url, grpc_client, staff_token, lamp):
        with serve_with_short_timeouts(url) as shop:
            stream = GrpcClient(shop.port).follow("WatchProducts")
            cursor = next(stream).cursor
            refused = read_error(stream)
        assert (refused.code, refused.reason, refused.trailers["shop-cursor"]) == (
            "UNAVAILABLE",
            "STREAM_TOO_OLD",
            str(cursor),
        )

    def test_goes_on_without_a_loss(self, url, grpc_client, staff_token, lamp):
        with serve_with_short_timeouts(url) as shop:
            follower = GrpcClient(shop.port)
            first = follower.follow("WatchProducts")
            next(first)
            cursor = int(read_error(first).trailers["shop-cursor"])
            grpc_client.call("RestockProduct", staff_token, id=lamp, amount=1)
            second = follower.follow("WatchProducts", cursor=cursor)
            changes = [next(second).cursor, next(second).cursor]
        assert changes == [cursor, cursor + 1]

    @pytest.mark.parametrize("name", ["WatchOrders", "LivePriceUpdates"])
    def test_of_any_kind_ends(self, url, staff_token, lamp, name):
        silent = iter(lambda: time.sleep(5), 0) if name == "LivePriceUpdates" else None
        with serve_with_short_timeouts(url) as shop:
            assert (
                read_error(GrpcClient(shop.port).follow(name, staff_token, given=silent)).reason
                == "STREAM_TOO_OLD"
            )


@pytest.mark.parametrize("path", [REFLECT, REFLECT_V1])
def test_each_request_of_reflection_is_counted(url, path):
    with serving_grpc(url, SHOP_RATE_LIMIT="5/minute") as shop:
        channel = GrpcClient(shop.port).channel
        answers = channel.stream_stream(path)(iter([b"\x3a\x00"] * 9), timeout=5)
        with pytest.raises(grpc.RpcError) as caught:
            list(answers)
    assert caught.value.code().name == "RESOURCE_EXHAUSTED"


def test_health_of_a_service_that_is_not_there_is_not_found(grpc_client):
    with pytest.raises(grpc.RpcError) as caught:
        grpc_client.channel.unary_unary(CHECK)(b"\x0a\x01x", timeout=5)
    assert caught.value.code().name == "NOT_FOUND"


def test_health_is_watched_until_it_changes(url):
    with serving_grpc(url) as shop:
        states = GrpcClient(shop.port).channel.unary_stream(WATCH_HEALTH)(b"", timeout=10)
        first = next(states)
        shop.popen.terminate()
        second = next(states)
    assert (first, second) == (b"\x08\x01", b"\x08\x02")


def test_health_costs_nothing(url):
    with serving_grpc(url, SHOP_RATE_LIMIT="2/minute") as shop:
        check = GrpcClient(shop.port).channel.unary_unary(CHECK)
        assert [check(b"", timeout=5) for _ in range(5)] == [b"\x08\x01"] * 5


class TestTheCounter:
    def test_forgets_those_whose_calls_have_ended(self):
        counter = OpenCalls()
        with counter.hold_place("a", 2), counter.hold_place("a", 2), counter.hold_place("b", 2):
            assert counter.counts == {"a": 2, "b": 1}
        assert counter.counts == {}

    def test_forgets_a_call_that_failed(self):
        counter = OpenCalls()
        with pytest.raises(ZeroDivisionError), counter.hold_place("a", 2):
            raise ZeroDivisionError
        assert counter.counts == {}
