"""Calls: requests, responses and errors."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse
from redis import Redis

from shop.app import create_app
from shop.doors.grpc import shop_pb2 as pb
from tests.conftest import PASSWORD, settings_for
from tests.grpc_client import CallError, GrpcClient, build_money, serving_grpc

BUF = Path(sys.executable).with_name("buf")


def catch_refusal(grpc_client, name, token="", **words):
    with pytest.raises(CallError) as caught:
        grpc_client.call(name, token, **words)
    return caught.value


class TestMoney:
    @pytest.mark.parametrize("text", ["0.01", "0", "999999999.99"])
    def test_is_exact(self, grpc_client, staff_token, lamp, text):
        changed = grpc_client.call("UpdateProduct", staff_token, id=lamp, price=build_money(text))
        assert changed.product.price == build_money(text)

    @pytest.mark.parametrize(
        "price",
        [
            build_money("1.001"), build_money("1", "EUR"), build_money("1", ""), build_money("-1"), build_money("1000000000"),
            {"currency_code": "USD", "units": 1, "nanos": -1}, {"currency_code": "USD", "units": -1, "nanos": 1},
            {"currency_code": "USD", "nanos": 1_000_000_000}, {"currency_code": "USD", "units": 2**63 - 1},
            {"currency_code": "USD", "units": -(2**63), "nanos": -999_999_999},
        ],
    )  # fmt: skip
    def test_that_is_none_is_refused_by_name(self, grpc_client, staff_token, lamp, price):
        refused = catch_refusal(grpc_client, "UpdateProduct", staff_token, id=lamp, price=price)
        assert (refused.code, set(refused.fields)) == ("INVALID_ARGUMENT", {"price"})

    def test_narrows_a_search(self, grpc_client, lamp, product):
        product("Desk", price=24900)
        found = grpc_client.call("ListProducts", max_price=build_money("89.50"))
        assert [each.name for each in found.products] == ["Lamp"]


class TestAMask:
    def test_names_what_is_changed(self, grpc_client, staff_token, lamp):
        words = {"name": "Desk lamp", "stock": 9, "update_mask": {"paths": ["stock"]}}
        changed = grpc_client.call("UpdateProduct", staff_token, id=lamp, **words).product
        assert (changed.name, changed.stock) == ("Lamp", 9)

    def test_empties_what_it_names_and_nobody_sends(self, grpc_client, staff_token, lamp):
        grpc_client.call("UpdateProduct", staff_token, id=lamp, description="Brass.")
        changed = grpc_client.call(
            "UpdateProduct", staff_token, id=lamp, update_mask={"paths": ["description"]}
        )
        assert changed.product.description == ""

    def test_is_not_needed_where_what_is_sent_is_meant(self, grpc_client, staff_token, lamp):
        changed = grpc_client.call("UpdateProduct", staff_token, id=lamp, stock=0).product
        assert (changed.name, changed.stock) == ("Lamp", 0)

    def test_of_all_asks_for_all(self, grpc_client, staff_token, lamp):
        refused = catch_refusal(
            grpc_client, "UpdateProduct", staff_token, id=lamp, stock=1, update_mask={"paths": ["*"]}
        )
        assert set(refused.fields) == {"name", "price"}

    def test_that_names_what_cannot_be_changed_is_refused(self, grpc_client, staff_token, lamp):
        refused = catch_refusal(
            grpc_client, "UpdateProduct", staff_token, id=lamp, update_mask={"paths": ["id"]}
        )
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", ["update_mask"])


class TestPages:
    def test_lead_from_one_to_the_next(self, grpc_client, product):
        for number in range(5):
            product(f"Lamp {number}")
        names, token = [], ""
        while True:
            page = grpc_client.call(
                "ListProducts",
                page_size=2,
                page_token=token,
                sort="PRODUCT_SORT_NAME",
                order="SORT_ORDER_DESC",
            )
            names, token = names + [each.name for each in page.products], page.next_page_token
            if not token:
                break
        assert names == [f"Lamp {number}" for number in reversed(range(5))]

    @pytest.mark.parametrize("token", ["x", "~x", "~" + "A" * 1000, "7"])
    def test_begin_with_no_token_that_was_not_given_out(self, grpc_client, token):
        refused = catch_refusal(grpc_client, "ListProducts", page_token=token)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", ["page_token"])

    @pytest.mark.parametrize("size", [-1, 101, 2**31 - 1])
    def test_have_a_size(self, grpc_client, size):
        assert catch_refusal(grpc_client, "ListProducts", page_size=size).fields == ["page_size"]

    def test_of_orders_are_ones_own(self, grpc_client, customer_token, lamp, person):
        grpc_client.call("BuyProduct", customer_token, id=lamp, quantity=1)
        seen = grpc_client.call("ListOrders", person("eva").tokens["access_token"])
        assert (len(seen.orders), seen.total_size) == (0, 0)

    @pytest.mark.parametrize(("name", "words", "field"), [
        ("ListProducts", {"sort": 99}, "sort"), ("ListOrders", {"status": 99}, "status"),
    ])  # fmt: skip
    def test_know_no_number_that_means_nothing(self, grpc_client, staff_token, name, words, field):
        assert catch_refusal(grpc_client, name, staff_token, **words).fields == [field]


class TestARefusal:
    def test_names_each_field_by_its_path(self, grpc_client, customer_token, lamp):
        items = [{"product_id": lamp, "quantity": 1}, {"product_id": 0, "quantity": 0}]
        assert catch_refusal(grpc_client, "PlaceOrder", customer_token, items=items).fields == [
            "items[1].product_id",
            "items[1].quantity",
        ]

    def test_names_what_is_not_there(self, grpc_client):
        info = catch_refusal(grpc_client, "GetProduct", id=99).details["ResourceInfo"]
        assert (info.resource_type, info.resource_name) == ("Product", "99")

    def test_names_what_is_short(self, grpc_client, customer_token, lamp):
        short = (
            catch_refusal(grpc_client, "BuyProduct", customer_token, id=lamp, quantity=6)
            .details["PreconditionFailure"]
            .violations[0]
        )
        assert (short.subject, short.description) == (f"Product/{lamp}", "5 are left of 6.")

    def test_of_a_stale_etag_tells_the_present_one(self, grpc_client, staff_token, lamp):
        refused = catch_refusal(grpc_client, "RestockProduct", staff_token, id=lamp, amount=1, etag="1-99")
        assert (refused.code, refused.details["ErrorInfo"].metadata["etag"]) == ("ABORTED", f"{lamp}-1")

    def test_of_a_name_that_is_taken_says_so(self, grpc_client, customer):
        words = {"username": "ADA", "email": "e@shop.example", "password": "correct horse"}
        assert catch_refusal(grpc_client, "RegisterUser", **words).code == "ALREADY_EXISTS"

    @pytest.mark.parametrize("token", ["junk", "a.b.c", "x" * 5000])
    def test_of_a_hostile_token_is_one_word(self, grpc_client, token):
        assert catch_refusal(grpc_client, "GetProduct", token, id=1).code == "UNAUTHENTICATED"

    def test_can_be_found_again_in_the_log(self, grpc_client):
        assert len(catch_refusal(grpc_client, "GetProduct", id=99).trailers["x-request-id"]) == 16


class TestComingAndGoing:
    def test_a_token_is_good_until_it_is_given_back(self, grpc_client, customer):
        pair = grpc_client.call("Login", username="ada", password=PASSWORD)
        grpc_client.call("Logout", pair.access_token)
        assert catch_refusal(grpc_client, "GetUser", pair.access_token).code == "UNAUTHENTICATED"

    def test_a_refresh_token_is_good_once(self, grpc_client, customer):
        pair = grpc_client.call("Login", username="ada", password=PASSWORD)
        grpc_client.call("Refresh", refresh_token=pair.refresh_token)
        assert (
            catch_refusal(grpc_client, "Refresh", refresh_token=pair.refresh_token).code == "UNAUTHENTICATED"
        )

    def test_a_stale_token_keeps_nobody_from_logging_in(self, grpc_client, customer):
        old = grpc_client.call("Login", username="ada", password=PASSWORD).access_token
        grpc_client.call("Logout", old)
        logged_in = [
            grpc_client.call("Login", each, username="ada", password=PASSWORD).user_id
            for each in (old, "junk")
        ]
        assert logged_in == [customer.id] * 2

    def test_who_does_not_say_whom_sees_himself(self, grpc_client, customer_token, customer):
        assert grpc_client.call("GetUser", customer_token).user.username == "ada"


def test_a_repeated_call_says_that_it_was(grpc_client, customer_token, lamp):
    words = pb.BuyProductRequest(id=lamp, quantity=1, request_id="once")
    grpc_client.send("BuyProduct", words, customer_token)
    _, again = grpc_client.method("BuyProduct").with_call(
        words, timeout=5, metadata=(("authorization", f"Bearer {customer_token}"),)
    )
    assert ("idempotency-replayed", "true") in again.trailing_metadata()


def test_a_repeated_deletion_gets_the_answer_of_the_first_time(grpc_client, staff_token, lamp):
    words = pb.DeleteProductRequest(id=lamp, request_id="once")
    assert [grpc_client.send("DeleteProduct", words, staff_token) for _ in range(2)] == [
        pb.DeleteProductResponse()
    ] * 2


def test_where_a_version_must_be_named_a_call_without_one_is_refused_by_name(app, staff_token, lamp):
    url = app.extensions["shop"].settings.database_url
    with serving_grpc(url, SHOP_REQUIRE_IF_MATCH="on") as shop:
        grpc_client = GrpcClient(shop.port)
        refused = catch_refusal(
            grpc_client, "RestockProduct", staff_token, id=lamp, amount=1, request_id="once"
        )
        named = grpc_client.call(
            "RestockProduct", staff_token, id=lamp, amount=1, request_id="once", etag=f'"{lamp}-1"'
        ).product
    assert (refused.code, refused.reason, refused.fields, named.stock) == (
        "INVALID_ARGUMENT", "PRECONDITION_REQUIRED", ["etag"], 6,
    )  # fmt: skip


def test_a_limit_is_shared_and_says_when_to_come_back(app):
    with serving_grpc(
        app.extensions["shop"].settings.database_url, SHOP_RATE_LIMIT="2/hour", SHOP_GRPC_REFLECTION="off"
    ) as shop:
        grpc_client = GrpcClient(shop.port)
        answers = [catch_refusal(grpc_client, "GetProduct", id=99) for _ in range(3)]
        listed = run_buf_curl(shop.port, "--list-methods")
    delay = answers[2].details["RetryInfo"].retry_delay.seconds
    assert ([each.code for each in answers], 0 < delay <= 3600, "ProductService" in listed) == (
        ["NOT_FOUND", "NOT_FOUND", "RESOURCE_EXHAUSTED"], True, False,
    )  # fmt: skip


def test_a_limit_is_shared_with_the_front_door_where_redis_counts(app, person, redis):
    Redis.from_url(redis).flushdb()
    limits = {"redis_url": redis, "rate_limit": "3/day"}
    ada = person("ada", at=create_app(settings_for(app.extensions["shop"].settings.database_url, **limits)))
    over_rest = [ada.get("/api/v1/products/99").status_code for _ in range(2)]
    given = {"SHOP_REDIS_URL": redis, "SHOP_RATE_LIMIT": "3/day"}
    with serving_grpc(app.extensions["shop"].settings.database_url, **given) as shop:
        token, grpc_client = ada.tokens["access_token"], GrpcClient(shop.port)
        over_grpc = [catch_refusal(grpc_client, "GetProduct", token, id=99).code for _ in range(2)]
    assert (over_rest, over_grpc) == ([404, 404], ["NOT_FOUND", "RESOURCE_EXHAUSTED"])


def run_buf_curl(port, *words):
    command = [BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge", *words]
    return subprocess.run([*command, f"http://127.0.0.1:{port}"] if len(words) == 1 else command,
                          capture_output=True, text=True, timeout=30).stdout  # fmt: skip


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_lists_the_methods(grpc_client, version):
    url = f"http://127.0.0.1:{grpc_client.port}"
    listed = run_buf_curl(
        grpc_client.port, "--reflect-protocol", f"grpc-{version}", "--list-methods", url
    ).split()
    assert {
        "shop.v1.OrderService/PlaceOrder", "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    } <= set(listed)  # fmt: skip


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
@pytest.mark.parametrize("asked", ["v1", "v1alpha"])
def test_reflection_describes_itself(grpc_client, version, asked):
    method = grpc_client.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        ServerReflectionRequest.SerializeToString,
        ServerReflectionResponse.FromString,
    )
    question = ServerReflectionRequest(file_containing_symbol=f"grpc.reflection.{asked}.ServerReflection")
    (answer,) = method(iter([question]), timeout=5)
    (content,) = answer.file_descriptor_response.file_descriptor_proto
    file = FileDescriptorProto.FromString(content)
    assert (file.package, file.service[0].method[0].input_type) == (
        f"grpc.reflection.{asked}", f".grpc.reflection.{asked}.ServerReflectionRequest",
    )  # fmt: skip


def test_the_door_says_that_it_is_healthy(grpc_client):
    place = f"http://127.0.0.1:{grpc_client.port}/grpc.health.v1.Health/Check"
    assert "SERVING" in run_buf_curl(grpc_client.port, "-d", '{"service": "shop.v1.ProductService"}', place)


def test_what_is_wrong_beyond_the_first_is_said_to_be_there(grpc_client, customer_token):
    with pytest.raises(CallError, match="There are more errors than these 20"):
        grpc_client.call("PlaceOrder", customer_token, items=[{"product_id": 0, "quantity": 0}] * 100)


def test_too_many_lines_are_refused_without_a_look_at_each(grpc_client, customer_token):
    with pytest.raises(CallError) as caught:
        grpc_client.call("PlaceOrder", customer_token, items=[{"product_id": 0, "quantity": 0}] * 20_000)
    assert caught.value.fields == ["items"]
