"""Events are distributed to those who may see them, and each delivery is claimed by one sender."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from shop.domain.hook import Delivery, FeedPosition, Hook
from shop.domain.user import User
from shop.model.entity import now
from shop.services import deliveries, hooks
from shop.services.deliveries import claim_delivery, distribute_events, measure_backlog, record_outcome
from shop.services.users import disable_user
from shop.storage.transactions import OPERATOR, Context, TransactionSession
from shop.webhooks.retries import Outcome

DELIVERED, REFUSED = Outcome(204, "", 0.01), Outcome(500, "", 0.01)
URL = "https://8.8.8.8/events"  # nothing is sent here


@pytest.fixture
def session(app):
    """Without an app context, which all requests of a test would share."""
    with TransactionSession(app.extensions["shop"].engine, expire_on_commit=False) as session:
        yield session


@pytest.fixture
def ctx(session):
    return Context(session, OPERATOR)


@pytest.fixture
def subscribe():
    def add(person, *events):
        return person.post("/api/v1/hooks", {"url": URL, "events": [*(events or ("*",))]}).json["id"]

    return add


@pytest.fixture
def buy(product):
    id = product(stock=1000)
    return lambda person: person.post(f"/api/v1/products/{id}/buy", {"quantity": 1}).json["id"]


def distribute(ctx):
    while distribute_events(ctx):
        pass


def list_events(ctx, hook_id):
    distribute(ctx)
    rows = ctx.session.execute(
        select(Delivery.event, Delivery.subject_id).where(Delivery.hook_id == hook_id).order_by(Delivery.id)
    )
    return [tuple(row) for row in rows]


def claim_all(ctx, **options):
    claims = []
    while claim := claim_delivery(ctx, **options):
        claims.append(claim)
    return claims


def deliver_all(ctx, outcome=DELIVERED):
    """Claim and record until nothing is due; return what was claimed."""
    claims = []
    while claim := claim_delivery(ctx):
        record_outcome(ctx, claim, outcome)
        claims.append(claim)
    return claims


class TestDistribution:
    def test_customers_are_told_of_their_own_orders_alone(self, ctx, customer, person, staff, subscribe, buy):
        hook = subscribe(customer)
        own, _, other = buy(customer), buy(person("eve")), buy(staff)
        staff.post(f"/api/v1/orders/{own}/pay", {"reference": "x"})
        staff.post(f"/api/v1/orders/{other}/pay", {"reference": "x"})
        assert list_events(ctx, hook) == [("order.placed", own), ("order.paid", own)]

    def test_staff_are_told_of_all(self, ctx, staff, person, anonymous, subscribe, buy):
        hook = subscribe(staff)
        eve = person("eve")
        order = buy(eve)
        staff.post(f"/api/v1/users/{eve.id}/disable")
        found = set(list_events(ctx, hook))
        assert {("order.placed", order), ("product.stocked", 1), ("user.disabled", eve.id)} <= found

    @pytest.mark.parametrize(
        ("path", "event"),
        [("promote", "promoted"), ("disable", "disabled"), ("demote", None)],
    )
    def test_the_moves_of_an_account_are_events(self, ctx, staff, person, subscribe, path, event):
        eve, hook = person("eve"), subscribe(staff, f"user.{event}" if event else "user.demoted")
        staff.post(f"/api/v1/users/{eve.id}/{path}")
        assert list_events(ctx, hook) == ([(f"user.{event}", eve.id)] if event else [])

    def test_all_steps_of_accounts_are_events(self, ctx, staff, anonymous, subscribe):
        hook = subscribe(staff)
        account = {"username": "zoe", "email": "zoe@shop.example", "password": "correct-horse-7"}
        id = anonymous.post("/api/v1/users", account).json["id"]
        staff.patch(f"/api/v1/users/{id}", {"email": "zoe@other.example"})
        for path in ("promote", "demote", "disable", "enable"):
            staff.post(f"/api/v1/users/{id}/{path}")
        staff.delete(f"/api/v1/users/{id}")
        names = ["registered", "changed", "promoted", "demoted", "disabled", "enabled", "deleted"]
        assert list_events(ctx, hook) == [(f"user.{name}", id) for name in names]

    def test_a_hook_is_told_of_what_it_names(self, ctx, customer, staff, subscribe, buy):
        hook = subscribe(customer, "order.cancelled")
        order = buy(customer)
        customer.post(f"/api/v1/orders/{order}/cancel")
        assert list_events(ctx, hook) == [("order.cancelled", order)]

    def test_what_happened_before_a_hook_is_not_told(self, ctx, customer, subscribe, buy):
        buy(customer)
        hook = subscribe(customer)
        order = buy(customer)
        assert list_events(ctx, hook) == [("order.placed", order)]

    def test_each_event_is_told_once(self, ctx, customer, session, subscribe, buy):
        hook = subscribe(customer)
        buy(customer)
        first = list_events(ctx, hook)
        with ctx.transaction():
            session.execute(update(FeedPosition).values(seq=0))
        assert list_events(ctx, hook) == first

    def test_without_a_position_the_feed_is_read_from_its_beginning(
        self, ctx, customer, session, subscribe, buy
    ):
        hook = subscribe(customer)
        order = buy(customer)
        with ctx.transaction():
            session.execute(text("DELETE FROM feed_positions"))
        assert list_events(ctx, hook) == [("order.placed", order)]

    def test_more_events_than_one_batch_are_all_told_in_order(
        self, ctx, customer, subscribe, buy, monkeypatch
    ):
        monkeypatch.setattr(deliveries, "BATCH_SIZE", 2)
        hook = subscribe(customer, "order.placed")
        orders = [buy(customer) for _ in range(7)]
        assert [id for _, id in list_events(ctx, hook)] == orders

    @pytest.mark.parametrize("state", ["disabled", "owner-disabled"])
    def test_a_hook_that_is_not_active_is_not_told(self, ctx, customer, subscribe, buy, state):
        hook = subscribe(customer)
        buy(customer)
        if state == "disabled":
            customer.post(f"/api/v1/hooks/{hook}/disable")
        else:
            disable_user(ctx, "ada")
        assert list_events(ctx, hook) == []

    def test_several_deliverers_tell_each_event_once(self, app, ctx, customer, subscribe, buy):
        hook = subscribe(customer, "order.placed")
        orders = [buy(customer) for _ in range(20)]

        def run():
            with TransactionSession(app.extensions["shop"].engine) as own:
                distribute(Context(own, OPERATOR))

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [id for _, id in list_events(ctx, hook)] == orders

    def test_a_hook_with_too_many_waiting_is_disabled_with_a_reason(
        self, ctx, customer, subscribe, buy, monkeypatch
    ):
        monkeypatch.setattr(deliveries, "MAX_WAITING", 3)
        hook = subscribe(customer, "order.placed")
        for _ in range(4):
            buy(customer)
        distribute(ctx)
        found = customer.get(f"/api/v1/hooks/{hook}").json
        assert (found["status"], "read the feed" in found["disabled_because"]) == ("disabled", True)


class TestClaims:
    def test_are_in_the_order_of_the_events(self, ctx, customer, subscribe, buy):
        subscribe(customer, "order.placed")
        orders = [buy(customer) for _ in range(5)]
        distribute(ctx)
        assert [claim.subject_id for claim in deliver_all(ctx)] == orders

    def test_one_sender_has_a_hook_alone(self, ctx, customer, subscribe, buy):
        subscribe(customer), subscribe(customer)
        buy(customer), buy(customer)
        distribute(ctx)
        assert {claim.hook_id for claim in claim_all(ctx)} == {1, 2}
        assert claim_delivery(ctx) is None

    def test_of_several_senders_at_once_are_different(self, app, ctx, customer, subscribe, buy):
        for _ in range(8):
            subscribe(customer)
        buy(customer)
        distribute(ctx)
        claims = []

        def run():
            with TransactionSession(app.extensions["shop"].engine) as own:
                claims.extend(claim_all(Context(own, OPERATOR)))

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(claim.hook_id for claim in claims) == [*range(1, 9)]

    def test_go_to_another_sender_when_the_lease_ends(self, ctx, customer, subscribe, buy, monkeypatch):
        monkeypatch.setattr(deliveries, "LEASE", timedelta(0))
        subscribe(customer)
        buy(customer)
        distribute(ctx)
        first, second = claim_delivery(ctx), claim_delivery(ctx)
        assert (first.message_id, first.lease != second.lease) == (second.message_id, True)

    def test_of_a_lease_that_has_passed_record_nothing(
        self, ctx, session, customer, subscribe, buy, monkeypatch
    ):
        monkeypatch.setattr(deliveries, "LEASE", timedelta(0))
        subscribe(customer)
        buy(customer)
        distribute(ctx)
        first, _ = claim_delivery(ctx), claim_delivery(ctx)
        record_outcome(ctx, first, REFUSED)
        assert session.scalar(select(func.sum(Delivery.attempts))) == 0

    def test_of_a_hook_that_was_deleted_record_nothing(self, ctx, customer, subscribe, buy):
        hook = subscribe(customer)
        buy(customer)
        distribute(ctx)
        claim = claim_delivery(ctx)
        customer.delete(f"/api/v1/hooks/{hook}")
        record_outcome(ctx, claim, DELIVERED)
        assert claim_delivery(ctx) is None

    def test_can_leave_out_hooks_that_fail(self, ctx, customer, subscribe, buy):
        failing, healthy = subscribe(customer), subscribe(customer)
        buy(customer)
        distribute(ctx)
        for claim in claim_all(ctx):
            record_outcome(ctx, claim, REFUSED if claim.hook_id == failing else DELIVERED)
        buy(customer)
        distribute(ctx)
        assert [claim.hook_id for claim in claim_all(ctx, only_healthy=True)] == [healthy]
        assert [claim.is_failing for claim in claim_all(ctx)] == [True]

    def test_a_failure_waits_and_does_not_hold_up_the_next(self, ctx, customer, subscribe, buy):
        subscribe(customer, "order.placed")
        orders = [buy(customer) for _ in range(2)]
        distribute(ctx)
        assert [claim.subject_id for claim in deliver_all(ctx, REFUSED)] == orders

    def test_a_receiver_that_asks_for_a_pause_gets_it(self, ctx, customer, subscribe, buy):
        subscribe(customer, "order.placed")
        buy(customer), buy(customer)
        distribute(ctx)
        assert len(deliver_all(ctx, Outcome(429, "", 0.01, retry_after=60))) == 1

    def test_a_hook_that_waited_longest_comes_first(self, ctx, customer, subscribe, buy):
        subscribe(customer), subscribe(customer)
        buy(customer), buy(customer)
        distribute(ctx)
        assert [claim.hook_id for claim in deliver_all(ctx)] == [1, 2, 1, 2]

    def test_nothing_is_sent_for_an_owner_who_was_disabled(self, ctx, customer, subscribe, buy):
        subscribe(customer)
        buy(customer)
        distribute(ctx)
        disable_user(ctx, "ada")
        assert claim_delivery(ctx) is None

    def test_staff_that_became_customers_get_their_own_orders_alone(self, ctx, staff, person, subscribe, buy):
        subscribe(staff)
        buy(person("eve")), buy(staff)
        distribute(ctx)
        person("boss", "staff").post(f"/api/v1/users/{staff.id}/demote")
        assert [claim.event for claim in deliver_all(ctx)] == ["order.placed"]

    def test_a_disabled_hook_keeps_what_waits_until_it_is_enabled(self, ctx, customer, subscribe, buy):
        hook = subscribe(customer)
        order = buy(customer)
        distribute(ctx)
        customer.post(f"/api/v1/hooks/{hook}/disable")
        during = claim_delivery(ctx)
        customer.post(f"/api/v1/hooks/{hook}/enable")
        assert (during, [claim.subject_id for claim in deliver_all(ctx)]) == (None, [order])

    def test_the_version_of_a_hook_stays_while_messages_are_delivered(self, ctx, customer, subscribe, buy):
        hook = subscribe(customer)
        before = customer.get(f"/api/v1/hooks/{hook}").json
        buy(customer)
        distribute(ctx)
        deliver_all(ctx)
        assert customer.get(f"/api/v1/hooks/{hook}").json == before


class TestBacklog:
    def test_counts_what_is_due(self, ctx, customer, subscribe, buy):
        subscribe(customer)
        empty = measure_backlog(ctx)
        buy(customer)
        distribute(ctx)
        with ctx.transaction() as session:
            session.execute(update(Delivery).values(next_attempt_at=now() - timedelta(minutes=1)))
        backlog = measure_backlog(ctx)
        assert (empty.count, backlog.count, 59 < backlog.oldest_seconds < 70) == (0, 1, True)


class TestPurge:
    def test_old_deliveries_and_hooks_without_owner_are_deleted(
        self, ctx, session, customer, person, subscribe, buy
    ):
        subscribe(customer), subscribe(eve := person("eve"))
        buy(customer)
        distribute(ctx)
        with ctx.transaction():
            session.execute(update(Delivery).values(created_at=now() - timedelta(days=31)))
            session.execute(update(User).where(User.id == eve.id).values(erased_at=now()))
        counts = hooks.purge_hooks(ctx, 30), session.scalar(select(func.count()).select_from(Hook))
        assert counts == (1, 1)
