"""The gRPC server: hostile input, shutdown, TLS, logs and traces."""

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import pytest

from shop.doors.grpc import shop_pb2 as pb
from tests.conftest import KEY, PASSWORD
from tests.grpc_client import (
    METHODS,
    CallError,
    GrpcClient,
    build_metadata,
    build_money,
    read_error,
    serving_grpc,
)
from tests.servers import find_free_port
from tests.test_tracing import SPAN, TRACE, Collector

ROOT = Path(__file__).parent.parent.parent
SERVER_FAULTS = {"UNKNOWN", "INTERNAL"}


@pytest.fixture
def url(app):
    return app.extensions["shop"].settings.database_url


def get_final_code(grpc_client, name, given, token="", **how):
    """Make a call of any kind and return the code that it ends with."""
    descriptor = METHODS[name]
    messages = iter([given]) if descriptor.client_streaming else given
    try:
        found = grpc_client.method(name, raw=True)(
            messages, timeout=how.pop("timeout", 5), metadata=build_metadata(token)
        )
        if descriptor.server_streaming:
            next(found)
            found.cancel() if not descriptor.client_streaming else list(found)
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


class TestHostileInput:
    @pytest.mark.parametrize("name", METHODS)
    def test_of_any_bytes_breaks_no_call(self, grpc_client, staff_token, lamp, name):
        dice = random.Random(name)
        bodies = [
            b"\xff" * 20,
            b"\x0a\x02\xff\xfe",
            b"\x12\x02\xff\xfe",
            *(dice.randbytes(n) for n in (1, 9, 64, 500)),
        ]
        bodies += [b"\x08" + b"\xff" * 9 + b"\x01", b"\xf8\xff\x03\x01", b"", b"\x08" + b"\xff" * 8 + b"\x7f"]
        token = "" if name == "Logout" else staff_token
        found = {get_final_code(grpc_client, name, body, token) for body in bodies}
        assert found & (SERVER_FAULTS | {"DEADLINE_EXCEEDED"}) == set()

    @pytest.mark.parametrize("id", [0, -1, 2**63 - 1, -(2**63)])
    @pytest.mark.parametrize(
        "name", ["GetProduct", "GetOrder", "DeleteProduct", "CancelOrder", "DisableUser", "DeliverOrder"]
    )
    def test_of_any_number_finds_nothing(self, grpc_client, staff_token, name, id):
        with pytest.raises(CallError, match="NOT_FOUND"):
            grpc_client.call(name, staff_token, id=id)

    @pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0])
    def test_of_any_amount_is_refused_by_name(self, grpc_client, staff_token, customer_token, lamp, number):
        with pytest.raises(CallError) as caught:
            grpc_client.call("PlaceOrder", customer_token, items=[{"product_id": lamp, "quantity": number}])
        assert caught.value.fields == ["items[0].quantity"]

    def test_that_is_huge_is_not_read(self, grpc_client, staff_token):
        assert (
            get_final_code(grpc_client, "CreateProduct", b"\x12" + b"x" * 2_000_000, staff_token)
            == "RESOURCE_EXHAUSTED"
        )

    def test_that_is_long_is_refused_in_short(self, grpc_client, staff_token, lamp):
        with pytest.raises(CallError, match="INVALID_ARGUMENT"):
            grpc_client.call("UpdateProduct", staff_token, id=lamp, update_mask={"paths": ["x" * 500_000]})

    def test_of_many_flaws_names_some(self, grpc_client, customer_token):
        with pytest.raises(CallError) as caught:
            grpc_client.call("PlaceOrder", customer_token, items=[{"product_id": 0, "quantity": 0}] * 100)
        assert len(caught.value.fields) == 20

    @pytest.mark.parametrize("key", ["a b", "x" * 256, "ключ", "\0"])
    def test_of_a_key_that_is_none_is_refused_by_name(self, grpc_client, customer_token, lamp, key):
        with pytest.raises(CallError) as caught:
            grpc_client.call("BuyProduct", customer_token, id=lamp, quantity=1, request_id=key)
        assert caught.value.fields == ["request_id"]

    def test_with_no_time_left_is_late_and_harmless(self, grpc_client, staff_token, lamp):
        late = {get_final_code(grpc_client, "GetProduct", b"\x10\x01", timeout=0.001) for _ in range(20)} - {
            "OK"
        }
        assert (late <= {"DEADLINE_EXCEEDED"}, get_final_code(grpc_client, "GetProduct", b"\x10\x01")) == (
            True,
            "OK",
        )

    def test_of_a_message_too_few_is_told_so(self, grpc_client):
        method = grpc_client.channel.stream_unary("/shop.v1.ProductService/GetProduct")
        with pytest.raises(grpc.RpcError) as caught:
            method(iter([]), timeout=5)
        assert caught.value.code().name == "UNIMPLEMENTED"


class TestTheEnd:
    def test_comes_at_once_and_tells_where_to_go_on(self, url, grpc_client, staff_token, lamp):
        with serving_grpc(url) as shop:
            streams = [GrpcClient(shop.port).follow("WatchProducts", cursor=0) for _ in range(20)]
            cursors = [next(each).cursor for each in streams]
            began = time.monotonic()
            code = shop.stop()
            lasted = time.monotonic() - began
            ends = [read_error(each) for each in streams]
        assert (code, lasted < 2, cursors) == (0, True, [0] * 20)
        assert {(each.code, each.trailers["shop-cursor"]) for each in ends} == {("UNAVAILABLE", "0")}

    def test_does_not_wait_for_a_client_that_reads_nothing(self, url, grpc_client, staff_token, product):
        id = product()
        for number in range(30):
            grpc_client.call("RestockProduct", staff_token, id=id, amount=number + 1)
        with serving_grpc(url) as shop:
            given = iter(
                lambda: time.sleep(0.1) or pb.LivePriceUpdatesRequest(product_id=id, price=build_money("1")),
                None,
            )
            stream = GrpcClient(shop.port).follow("LivePriceUpdates", staff_token, given=given)
            next(stream)
            began = time.monotonic()
            assert (shop.stop(), time.monotonic() - began < 2.5) == (0, True)
            stream.cancel()


def run_openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=30)


@pytest.fixture(scope="module")
def certificate_folder(tmp_path_factory):
    """The folder of a self-signed certificate for localhost."""
    folder = tmp_path_factory.mktemp("papers")
    run_openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem")  # fmt: skip
    return folder


def build_tls_settings(certificate_folder, **more):
    return {
        "SHOP_GRPC_CERTIFICATE": str(certificate_folder / "cert.pem"),
        "SHOP_GRPC_KEY": str(certificate_folder / "key.pem"),
        **more,
    }


def test_tls_is_spoken_where_there_is_a_certificate(url, certificate_folder, lamp):
    cert, key = ((certificate_folder / name).read_bytes() for name in ("cert.pem", "key.pem"))
    with serving_grpc(
        url,
        **build_tls_settings(certificate_folder, SHOP_GRPC_CLIENT_CA=str(certificate_folder / "cert.pem")),
    ) as shop:
        trusted = GrpcClient(shop.port, grpc.ssl_channel_credentials(cert, key, cert))
        strangers = [GrpcClient(shop.port, grpc.ssl_channel_credentials(cert)), GrpcClient(shop.port)]
        found = [get_final_code(each, "GetProduct", b"\x10\x01", timeout=2) for each in (trusted, *strangers)]
    assert found == ["OK", "UNAVAILABLE", "UNAVAILABLE"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"SHOP_GRPC_CERTIFICATE": __file__}, "SHOP_GRPC_CERTIFICATE and SHOP_GRPC_KEY belong together"),
        ({"SHOP_GRPC_CLIENT_CA": __file__}, "SHOP_GRPC_CLIENT_CA needs SHOP_GRPC_CERTIFICATE"),
    ],
)
def test_half_of_tls_stops_the_start(run, given, message):
    result = run("grpc", **{name.removeprefix("SHOP_").lower(): value for name, value in given.items()})
    assert (result.code, result.err) == (1, f"shop: {message}\n")


def test_a_port_that_is_taken_stops_the_start_with_one_line(url, grpc_client):
    environ = {**os.environ, "SHOP_SECRET_KEY": KEY, "SHOP_DATABASE_URL": url}
    command = [sys.executable, "-m", "shop.cli", "grpc", "--port", str(grpc_client.port)]
    result = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30)
    messages = [each for each in result.stderr.splitlines() if each.startswith("shop: ")]
    assert (result.returncode, len(messages)) == (1, 1)


def test_without_the_extra_the_command_says_how_to_get_it(run, monkeypatch):
    monkeypatch.setattr("shop.settings.find_spec", lambda name: None)
    result = run("grpc")
    assert (result.code, result.err) == (
        1,
        "shop: this needs an extra that is not installed: pip install '.[grpc]'\n",
    )


def test_the_shop_behind_the_front_door_needs_nothing_of_it():
    code = "import sys; sys.modules['grpc'] = sys.modules['google'] = None; import shop.cli, shop.app"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_a_call_has_one_line_in_the_log(url, lamp):
    environ = {**os.environ, "SHOP_SECRET_KEY": KEY, "SHOP_DATABASE_URL": url}
    port = find_free_port()
    command = [sys.executable, "-m", "shop.cli", "grpc", "--port", str(port)]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        grpc.channel_ready_future(channel).result(20)
        method = channel.unary_unary("/shop.v1.ProductService/GetProduct")
        method(b"\x10\x01", timeout=5, metadata=[("x-request-id", "mine-0001")])
        process.terminate()
        lines = process.stderr.read().splitlines()
    (line,) = [each for each in lines if "GetProduct" in each]
    assert all(word in line for word in ('"request_id": "mine-0001"', '"status": "OK"', '"user": null'))


def test_a_call_is_a_span_and_its_statements_are_in_it(url, lamp):
    collector = Collector()
    threading.Thread(target=collector.serve_forever, args=(0.02,), daemon=True).start()
    with serving_grpc(url, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}") as shop:
        parent = [("traceparent", f"00-{TRACE}-{SPAN}-01")]
        method = GrpcClient(shop.port).method("GetProduct")
        method(pb.GetProductRequest(id=lamp), timeout=5, metadata=parent)
    collector.shutdown()
    spans = {each.name: each for each in collector.spans}
    call = spans["shop.v1.ProductService/GetProduct"]
    assert (call.trace_id.hex(), spans["SELECT"].parent_span_id) == (TRACE, call.span_id)


def test_the_example_runs(url, grpc_client, staff):
    command = [
        sys.executable,
        "-W",
        "error",
        ROOT / "examples/grpc_client.py",
        f"127.0.0.1:{grpc_client.port}",
        "grace",
        PASSWORD,
    ]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ran.stderr, ran.stdout.splitlines()) == ("", [
        "Laptop Pro: 2299.99 USD",
        "INVALID_ARGUMENT",
        "  name: It must be plain text without control characters.",
        "  name: Length must be between 1 and 100.",
        "  price: The currency_code must be USD.",
        "2 created at once",
        "now 2199",
        "There is no such product.",
        "Laptop Pro (10)",
        "CHANGE_KIND_CREATED", "CHANGE_KIND_CHANGED", "CHANGE_KIND_CREATED", "CHANGE_KIND_CREATED",
        "CHANGE_KIND_CHANGED", "CHANGE_KIND_RETIRED",
    ])  # fmt: skip
