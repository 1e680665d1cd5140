"""The rules of hooks and deliveries."""

from datetime import timedelta

import pytest

from shop.domain import hook as hook_module
from shop.domain.hook import Delivery, Hook
from shop.model.entity import now
from shop.model.errors import Conflict, Invalid
from shop.model.moves import STAFF, find_available_moves
from shop.storage.transactions import Actor
from shop.webhooks.retries import DELAYS, Outcome

CUSTOMER_ACTOR, STAFF_ACTOR = Actor(1, "customer"), Actor(2, STAFF)
OWNER = frozenset({"anyone", "member", "customer", "owner"})
DELIVERED, REFUSED, GONE = Outcome(204, "", 0.1), Outcome(500, "", 0.1), Outcome(410, "", 0.1)
HUNG = Outcome(None, "It did not answer in time.", 15.0)


def make_hook(actor=CUSTOMER_ACTOR, events=("*",)):
    hook = Hook.subscribe(actor, "https://receiver.example/", [*events], {})
    hook.status = "enabled"
    return hook


def make_delivery():
    return Delivery(status="waiting", attempts=0, event="order.paid")


def find_move_names(entity, roles=OWNER):
    return {move.name for move in find_available_moves(entity, roles)}


class TestHooks:
    @pytest.mark.parametrize("events", [["product.created"], ["order.paid", "user.deleted"]])
    def test_of_customers_have_no_events_of_staff(self, events):
        with pytest.raises(Invalid):
            make_hook(events=events)

    def test_of_staff_have_all_events(self):
        assert make_hook(STAFF_ACTOR, ["product.created", "user.deleted"]).is_subscribed_to("user.deleted")

    def test_want_what_they_name_or_all(self):
        named, all_events = make_hook(events=["order.paid"]), make_hook()
        assert (named.is_subscribed_to("order.paid"), named.is_subscribed_to("order.placed"), all_events.is_subscribed_to("order.placed")) == (
            True, False, True,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("status", "moves"),
        [
            ("enabled", {"update", "delete", "disable", "rotate", "ping"}),
            ("disabled", {"update", "delete", "enable", "rotate"}),
        ],
    )
    def test_are_moved_by_their_owner(self, status, moves):
        hook = make_hook()
        hook.status = status
        assert (find_move_names(hook), find_move_names(hook, OWNER - {"owner"})) == (moves, set())

    def test_sign_with_the_old_secret_too_for_a_day(self):
        hook = make_hook()
        old = hook.secret
        hook.rotate()
        during = hook.list_secrets()
        hook.rotated_at -= timedelta(days=1)
        assert (during, hook.list_secrets()) == ([hook.secret, old], [hook.secret])

    def test_that_are_gone_are_disabled_with_a_reason(self):
        hook = make_hook()
        hook.record_outcome(GONE)
        assert (hook.status, "410" in hook.disabled_because) == ("disabled", True)

    def test_fail_since_the_first_failure_until_a_success(self):
        hook = make_hook()
        hook.record_outcome(REFUSED)
        since = hook.failing_since
        hook.record_outcome(HUNG)
        assert (since is not None, hook.failing_since) == (True, since)
        hook.record_outcome(DELIVERED)
        assert hook.failing_since is None

    @pytest.mark.parametrize(
        ("failing", "status"), [(timedelta(days=4, hours=23), "enabled"), (timedelta(days=5), "disabled")]
    )
    def test_that_fail_for_five_days_are_disabled(self, failing, status):
        hook = make_hook()
        hook.failing_since = now() - failing
        hook.record_outcome(REFUSED)
        assert hook.status == status

    def test_that_are_enabled_begin_anew(self):
        hook = make_hook()
        hook.record_outcome(GONE)
        hook.enable()
        assert (hook.status, hook.failing_since, hook.disabled_because) == ("enabled", None, None)

    def test_disabled_by_their_owner_keep_that_reason(self):
        hook = make_hook()
        hook.disable()
        hook.record_outcome(GONE)
        assert hook.disabled_because == hook_module.DISABLED_BY_OWNER


class TestDeliveries:
    def test_are_delivered_by_a_success(self):
        delivery = make_delivery()
        delivery.record_outcome(DELIVERED)
        found = delivery.status, delivery.attempts, delivery.response_status, delivery.duration_ms
        assert (found, delivery.next_attempt_at) == (("delivered", 1, 204, 100), None)

    def test_fail_after_ten_attempts(self):
        delivery = make_delivery()
        statuses = [(delivery.record_outcome(HUNG), delivery.status)[1] for _ in DELAYS]
        assert (statuses, delivery.next_attempt_at) == (["waiting"] * 9 + ["failed"], None)

    def test_come_again_later_and_later(self):
        delivery, waits = make_delivery(), []
        for _ in DELAYS[1:]:
            delivery.record_outcome(REFUSED)
            waits.append(delivery.next_attempt_at - now())
        assert waits == sorted(waits)

    def test_wait_as_long_as_a_receiver_asks(self):
        delivery = make_delivery()
        delivery.record_outcome(Outcome(503, "", 0.1, retry_after=3600))
        assert delivery.next_attempt_at > now() + timedelta(minutes=59)

    def test_to_a_receiver_that_is_gone_fail_at_once(self):
        delivery = make_delivery()
        delivery.record_outcome(GONE)
        assert (delivery.status, delivery.attempts) == ("failed", 1)

    def test_that_wait_are_not_sent_again(self):
        with pytest.raises(Conflict):
            make_delivery().redeliver()

    @pytest.mark.parametrize("outcome", [DELIVERED, GONE])
    def test_that_ended_are_sent_again_with_new_attempts(self, outcome):
        delivery = make_delivery()
        delivery.record_outcome(outcome)
        delivery.redeliver()
        assert (delivery.status, delivery.attempts, delivery.next_attempt_at <= now()) == ("waiting", 0, True)
