"""Every move is executed in the same steps and in the same order, through every door."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from shop.domain.change import Change
from shop.domain.order import Order, Step
from shop.domain.product import Product
from shop.doors.resources import find_resource
from shop.model.errors import Conflict, Forbidden, Invalid, KeyReused, NotFound, PreconditionRequired, Stale
from shop.model.moves import get_moves
from shop.services.context import ShopContext
from shop.storage.execution import MoveCall, perform_move
from shop.storage.idempotency import Idempotency, Replay, StoredAnswer
from shop.storage.transactions import Actor
from tests.conftest import OPERATOR

TEXT = "text/plain"


def read_nothing():
    raise AssertionError("this must not be read")


def refuse_input():
    raise Invalid("Some fields are invalid.", errors={"amount": ["Missing."]})


def build_call(kind, name, id=None, /, **changes):
    """Return a call with valid input; a test may replace any part."""
    service = find_resource(kind).services.get(name)
    call = MoveCall(kind=kind, move=get_moves(kind)[name], id=id, load_input=dict, service=service)
    return replace(call, **changes)


def build_idempotency(key="k", fingerprint="same"):
    return Idempotency(
        read_key=lambda: key,
        compute_fingerprints=lambda: [fingerprint],
        store=lambda text: StoredAnswer(200, text.encode(), TEXT),
        store_refusal=lambda error: StoredAnswer(409, error.detail.encode(), TEXT),
        restore=lambda answer: (answer.status, answer.body.decode(), answer.replayed),
    )


def count_rows(session, kind):
    return session.scalar(select(func.count()).select_from(kind))


@pytest.fixture
def ctx(session):
    return ShopContext(session, OPERATOR)


@pytest.fixture
def ada(session, customer):
    return ShopContext(session, Actor(customer.id, "customer", ""))


@pytest.fixture
def restock(product):
    """A call that adds one to a stock of twelve."""
    return build_call(Product, "restock", product(), load_input=lambda: {"amount": 1})


@pytest.fixture
def order_id(ada, product):
    id = product()
    call = build_call(Order, "create", load_input=lambda: {"items": [{"product_id": id, "quantity": 1}]})
    return perform_move(ada, call, lambda order: order.id)


def test_the_result_is_serialized(ctx, restock):
    assert perform_move(ctx, restock, lambda product: product.stock) == 13


class TestPermission:
    def test_is_checked_before_the_input_is_loaded(self, ada, restock):
        with pytest.raises(Forbidden):
            perform_move(ada, replace(restock, load_input=read_nothing), str)

    def test_is_checked_before_the_key_is_read(self, ada, restock):
        with pytest.raises(Forbidden):
            perform_move(ada, restock, str, replace(build_idempotency(), read_key=read_nothing))

    def test_is_asked_for_again_when_a_call_is_repeated(self, ctx, ada, restock):
        perform_move(ctx, restock, str, build_idempotency())
        with pytest.raises(Forbidden):
            perform_move(ada, restock, str, build_idempotency())


class TestInput:
    def test_that_is_invalid_claims_no_key(self, ctx, session, restock):
        with pytest.raises(Invalid):
            perform_move(ctx, replace(restock, load_input=refuse_input), str, build_idempotency())
        assert count_rows(session, Replay) == 0

    def test_is_loaded_before_the_key_is_read(self, ctx, restock):
        call = replace(restock, load_input=refuse_input)
        with pytest.raises(Invalid):
            perform_move(ctx, call, str, replace(build_idempotency(), read_key=read_nothing))


class TestAPrecondition:
    @pytest.mark.parametrize("tags", [{"{id}-1"}, {"9-9", "{id}-1"}, {"*"}, None])
    def test_that_holds_lets_the_move_be_made(self, ctx, restock, tags):
        named = tags and {tag.format(id=restock.id) for tag in tags}
        call = replace(restock, read_tags=lambda: named)
        assert perform_move(ctx, call, lambda product: product.stock) == 13

    @pytest.mark.parametrize("tags", [{"1-9"}, set()])
    def test_that_does_not_hold_changes_nothing(self, ctx, session, restock, tags):
        with pytest.raises(Stale) as caught:
            perform_move(ctx, replace(restock, read_tags=lambda: tags), str, build_idempotency())
        assert caught.value.facts["tag"] == f"{restock.id}-1"
        assert (session.get(Product, restock.id).stock, count_rows(session, Replay)) == (12, 0)

    def test_that_is_missing_is_asked_for_where_it_is_required(self, ctx, session, restock):
        with pytest.raises(PreconditionRequired):
            perform_move(ctx, replace(restock, require_tags=True), str, build_idempotency())
        assert count_rows(session, Replay) == 0

    def test_is_not_asked_for_by_a_move_that_creates(self, ctx):
        words = {"name": "Lamp", "description": "", "price": 1, "stock": 1}
        call = build_call(
            Product, "create", load_input=lambda: words, read_tags=read_nothing, require_tags=True
        )
        assert perform_move(ctx, call, lambda product: product.name) == "Lamp"

    def test_is_held_by_a_move_with_a_service_of_its_own(self, ada, product):
        call = build_call(Product, "buy", product(), load_input=lambda: {"quantity": 1})
        with pytest.raises(Stale):
            perform_move(ada, replace(call, read_tags=lambda: {"1-9"}), str)

    def test_comes_after_the_state(self, ctx, order_id):
        with pytest.raises(Conflict, match="Cannot ship"):
            perform_move(ctx, build_call(Order, "ship", order_id, read_tags=lambda: {"1-9"}), str)


class TestAKey:
    def test_that_is_repeated_gets_the_stored_answer(self, ctx, session, restock):
        answers = [
            perform_move(ctx, restock, lambda it: str(it.stock), build_idempotency()) for _ in range(2)
        ]
        assert answers == [(200, "13", False), (200, "13", True)]
        assert session.get(Product, restock.id, populate_existing=True).stock == 13

    def test_that_is_not_there_repeats_the_move(self, ctx, restock):
        for _ in range(2):
            perform_move(ctx, restock, str, build_idempotency(key=None))
        assert perform_move(ctx, restock, lambda product: product.stock) == 15

    def test_of_another_request_is_refused(self, ctx, restock):
        perform_move(ctx, restock, str, build_idempotency())
        with pytest.raises(KeyReused):
            perform_move(ctx, restock, str, build_idempotency(fingerprint="other"))

    def test_keeps_a_refusal_of_the_state(self, ctx, session, order_id):
        call = build_call(Order, "ship", order_id, load_input=lambda: {"tracking": "x"})
        refused = [perform_move(ctx, call, str, build_idempotency()) for _ in range(2)]
        assert refused[0][:2] == refused[1][:2] == (409, "Cannot ship: the order is not paid yet.")
        assert [replayed for *_, replayed in refused] == [False, True]

    def test_is_free_where_the_answer_could_not_be_made(self, ctx, session, restock):
        with pytest.raises(AssertionError):
            perform_move(ctx, restock, lambda _: read_nothing(), build_idempotency())
        assert (session.get(Product, restock.id).stock, count_rows(session, Replay)) == (12, 0)


class TestHistory:
    def test_is_written_once(self, ctx, session, order_id):
        call = build_call(Order, "pay", order_id, load_input=lambda: {"reference": "x"})
        for _ in range(2):
            perform_move(ctx, call, lambda order: order.status, build_idempotency())
        steps = session.execute(select(Step.move, Step.by).order_by(Step.id)).all()
        assert [move for move, _ in steps] == ["create", "pay"]
        assert steps[1].by == OPERATOR.id

    def test_of_the_catalogue_too(self, ctx, session, restock):
        for _ in range(2):
            perform_move(ctx, restock, str, build_idempotency())
        assert session.scalars(select(Change.kind)).all() == ["stocked"]

    def test_has_nothing_of_a_refusal(self, ctx, session, order_id):
        with pytest.raises(Conflict):
            perform_move(ctx, build_call(Order, "ship", order_id, load_input=lambda: {"tracking": "x"}), str)
        assert count_rows(session, Step) == 1


class TestADeletion:
    @pytest.fixture
    def deletion(self, product):
        return build_call(Product, "delete", product())

    def test_that_is_repeated_gets_the_answer_of_the_first_time(self, ctx, deletion):
        answers = [perform_move(ctx, deletion, lambda product: "done", build_idempotency()) for _ in range(2)]
        assert answers == [(200, "done", False), (200, "done", True)]

    def test_of_what_is_gone_is_not_found_under_another_key(self, ctx, deletion):
        perform_move(ctx, deletion, lambda product: "done", build_idempotency())
        with pytest.raises(NotFound):
            perform_move(ctx, deletion, lambda product: "done", build_idempotency(key="another"))

    def test_is_not_answered_to_somebody_else(self, ctx, ada, deletion):
        perform_move(ctx, deletion, lambda product: "done", build_idempotency())
        with pytest.raises((NotFound, Forbidden)):
            perform_move(ada, deletion, lambda product: "done", build_idempotency())
