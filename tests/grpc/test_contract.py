"""The .proto matches the declarations of the shop, and the generated code is up to date."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.message_factory import GetMessageClass

from shop.domain.order import Order
from shop.domain.product import Product
from shop.domain.user import User
from shop.doors.grpc import shop_pb2 as pb
from shop.doors.grpc.methods import UNARY_METHODS, build_unary_methods, get_method_name
from shop.doors.resources import RESOURCES, find_resource
from shop.doors.rest.orders import ItemRepresentation, StepRepresentation
from shop.model.moves import get_moves
from tests.grpc_client import METHODS
from tests.reviews import reviews

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DOOR = ROOT / "shop" / "doors" / "grpc"
LINT = {"version": "v2", "lint": {"use": ["STANDARD", "COMMENT_SERVICE", "COMMENT_RPC"]}}
STREAMS = {"WatchProducts", "WatchOrders", "BatchCreateProducts", "LivePriceUpdates"}
MOVES = [(resource, move) for resource in RESOURCES for move in get_moves(resource.kind).values()]
DOCUMENTS = {
    **{getattr(pb, each.kind.__name__): each.representation for each in RESOURCES},
    pb.OrderItem: ItemRepresentation, pb.OrderStep: StepRepresentation,
}  # fmt: skip
# The fields of REST that this door leaves out, and why.
REST_ONLY = {
    "_links": "`can` says what may be done",
    "_templates": "the .proto says what each call takes",
    "_embedded": "ListOrders has the orders of a user",
    "_etag": "it is `etag` here",
    "currency": "every amount has its own",
}


@pytest.fixture(scope="module")
def generate():
    """The module that generates code from the .proto."""
    sys.path.insert(0, str(ROOT / "proto"))
    try:
        import generate

        yield generate
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def image(generate, tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "now.binpb"
    generate.image(path)
    return path


def run_buf(*words):
    result = subprocess.run(
        [Path(sys.executable).with_name("buf"), *words], capture_output=True, text=True, timeout=60
    )
    return result.stdout + result.stderr


def test_buf_finds_nothing_to_better(image):
    assert run_buf("lint", image, "--path", "shop/v1", "--config", json.dumps(LINT)) == ""


def test_the_proto_is_formatted():
    assert run_buf("format", "-d", ROOT / "proto") == ""


def test_nothing_breaks_the_clients_of_what_has_landed(generate, image, tmp_path, monkeypatch):
    """At a release: cp proto/shop/v1/shop.proto tests/grpc/landed/shop/v1/."""
    monkeypatch.setattr(generate, "HERE", HERE / "landed")
    generate.image(landed := tmp_path / "landed.binpb")
    assert run_buf("breaking", image, "--against", landed, "--path", "shop/v1") == ""


@pytest.mark.parametrize("name", ["shop_pb2.py", "shop_pb2.pyi"])
def test_what_is_made_from_the_proto_is_up_to_date(generate, tmp_path, name):
    generate.generate(tmp_path)
    assert (tmp_path / name).read_text() == (DOOR / name).read_text()


def test_every_call_is_answered():
    assert {*UNARY_METHODS, *STREAMS} == set(METHODS)


def test_a_new_kind_without_its_calls_is_noticed_at_the_start():
    with pytest.raises(LookupError, match="CreateReview, GetReview, HideReview, ListReviews, PublishReview"):
        build_unary_methods([*RESOURCES, reviews])


def test_a_call_without_a_kind_is_noticed_at_the_start():
    with pytest.raises(LookupError, match=r"GetUser, ListUsers, .*of shop.proto"):
        build_unary_methods([resource for resource in RESOURCES if resource.kind is not User])


@pytest.mark.parametrize(
    ("resource", "move"), MOVES, ids=lambda each: each.name if hasattr(each, "name") else ""
)
def test_every_move_is_a_call_that_takes_what_the_move_takes(resource, move):
    own = set() if move.is_creation else {"id", "etag"}
    own |= {"update_mask"} if move.name == "update" else set()
    fields = {each.name for each in METHODS[get_method_name(resource, move)].input_type.fields}
    assert fields == {*move.takes().fields, *own, "request_id"}


@pytest.mark.parametrize("message", DOCUMENTS, ids=lambda message: message.DESCRIPTOR.name)
def test_every_field_that_rest_shows_is_here_or_left_out_on_purpose(message):
    shown = set(DOCUMENTS[message]().fields) - set(REST_ONLY)
    assert shown - {each.name for each in message.DESCRIPTOR.fields} == set()


@pytest.mark.parametrize(("enum", "words"), [
    (pb.OrderStatus, Order.__table__.c.status), (pb.Role, User.__table__.c.role),
])  # fmt: skip
def test_every_word_of_a_state_has_a_number(enum, words):
    (rule,) = (
        str(each.sqltext)
        for each in words.table.constraints
        if f"{words.name} IN" in str(getattr(each, "sqltext", ""))
    )
    assert all(f"'{name.rpartition('_')[2].lower()}'" in rule for name in enum.keys()[1:]), rule


def test_every_sort_of_the_catalogue_is_here():
    from shop.services.products import SORT_COLUMNS

    assert [name.removeprefix("PRODUCT_SORT_").lower() for name in pb.ProductSort.keys()[1:]] == list(
        SORT_COLUMNS
    )


def test_what_a_product_is_called_is_what_a_call_about_it_answers():
    assert (
        GetMessageClass(
            METHODS[get_method_name(find_resource(Product), get_moves(Product)["restock"])].output_type
        )().product
        == pb.Product()
    )
