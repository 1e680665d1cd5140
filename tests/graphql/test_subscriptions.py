"""Subscriptions: what their events say, to whom, and where they go on.

The test client holds no connection, so each answer has what is new and ends, without `complete`.
"""

import json
from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from shop.domain.change import Change
from shop.doors.graphql import dataloader, subscriptions
from shop.hypermedia.negotiation import EVENT_STREAM
from shop.model.entity import now
from shop.services import changes as feed
from shop.storage.transactions import Context
from tests.load import build_order

BACKENDS = ["sqlite", "postgresql"]
ORDERS = "/api/v1/orders"
CHANGES = """subscription ($after: String, $productId: ID) { changes(after: $after, productId: $productId) {
  seq kind productId stock product { name } } }"""
STEPS = """subscription ($after: String = "0", $status: OrderStatus, $userId: ID) {
  orderSteps(after: $after, status: $status, userId: $userId) { seq orderId move status by order { total } } }"""


def subscribe(who, query, last=None, accept=EVENT_STREAM, **variables):
    headers = {"Accept": accept, **({} if last is None else {"Last-Event-ID": str(last)})}
    return who.post("/graphql", {"query": query, "variables": variables}, headers=headers)


def read_events(answer) -> list[tuple[str, str | None, dict | None]]:
    """Return the kind, the id and the data of each event."""
    assert (answer.status_code, answer.mimetype) == (200, EVENT_STREAM), answer.get_data(as_text=True)
    blocks = [
        dict(line.split(":", 1) for line in block.splitlines())
        for block in answer.get_data(as_text=True).split("\n\n")
    ]
    return [
        (
            each["event"].strip(),
            each["id"].strip() if "id" in each else None,
            json.loads(each["data"] or "null"),
        )
        for each in blocks
        if "event" in each
    ]


def read_nodes(answer, field) -> list[dict]:
    return [data["data"][field] for _, _, data in read_events(answer)]


def read_refusal(answer) -> list[str]:
    """Return the codes of the only result, after which the stream is complete."""
    (kind, _, data), end = read_events(answer)
    assert (kind, end) == ("next", ("complete", None, None))
    return [error["extensions"]["code"] for error in data["errors"]]


@pytest.fixture
def restock(staff, desk):
    def add(times: int = 1) -> None:
        for _ in range(times):
            staff.post(f"{desk}/restock", {"amount": 1})

    return add


@pytest.fixture
def order(customer, desk) -> str:
    return customer.post(ORDERS, build_order((1, 1))).headers["Location"]


class TestChanges:
    def test_begin_now(self, anonymous, restock):
        restock()
        answer = subscribe(anonymous, CHANGES)
        assert (read_events(answer), answer.get_data()) == ([], b"retry: 3000\nid: 1\n\n")

    def test_are_results_with_their_cursor(self, anonymous, restock):
        restock(2)
        node = {"kind": "stocked", "productId": "Product:1", "product": {"name": "Walnut desk"}}
        assert read_events(subscribe(anonymous, CHANGES, after="0")) == [
            ("next", str(seq), {"data": {"changes": {"seq": str(seq), "stock": 12 + seq, **node}}})
            for seq in (1, 2)
        ]

    @pytest.mark.parametrize(("last", "after"), [(1, None), (1, "0"), (None, "1")])
    def test_go_on_after_the_last_event(self, anonymous, restock, last, after):
        restock(2)
        answer = subscribe(anonymous, CHANGES, last, after=after)
        assert [node["seq"] for node in read_nodes(answer, "changes")] == ["2"]

    def test_may_be_those_of_one_product(self, anonymous, staff, product, restock):
        staff.post(f"/api/v1/products/{product('Lamp')}/restock", {"amount": 1})
        restock()
        answer = subscribe(anonymous, CHANGES, after="0", productId="Product:2")
        assert [node["productId"] for node in read_nodes(answer, "changes")] == ["Product:2"]

    def test_are_read_in_batches_that_go_on(self, anonymous, restock, monkeypatch):
        monkeypatch.setattr(subscriptions, "MAX_EVENTS", 2)
        restock(3)
        (*_, (_, last, _)) = events = read_events(subscribe(anonymous, CHANGES, after="0"))
        rest = read_events(subscribe(anonymous, CHANGES, last))
        assert ([id for _, id, _ in events], [id for _, id, _ in rest]) == (["1", "2"], ["3"])

    def test_load_the_products_of_all_events_together(self, anonymous, staff, product, restock, statements):
        staff.post(f"/api/v1/products/{product('Lamp')}/restock", {"amount": 1})
        restock(4)
        statements.clear()
        subscribe(anonymous, CHANGES, after="0")
        assert sum("FROM products" in each for each in statements) == 1

    @pytest.mark.parametrize(
        "query",
        [
            "subscription { ...All } fragment All on Subscription { changes(after: 0) { seq } }",
            'subscription { ... on Subscription { changes(after: "0") { seq } } }',
            'subscription { news: changes(after: "0") { seq } changes: shop { name } }',
        ],
    )
    def test_have_one_field_however_it_is_chosen(self, anonymous, restock, query):
        restock()
        query = query.replace("after: 0", 'after: "0"')
        answer = subscribe(anonymous, query)
        if "shop" in query:
            assert read_refusal(answer) == ["GRAPHQL_VALIDATION_FAILED"] * 2
        else:
            assert read_nodes(answer, "changes") == [{"seq": "1"}]

    def test_can_be_got_by_a_plain_event_source(self, anonymous, restock):
        restock()
        query = {"query": CHANGES, "variables": '{"after": "0"}'}
        answer = anonymous.get("/graphql", query_string=query, headers={"Accept": EVENT_STREAM})
        assert (len(read_events(answer)), answer.headers["Cache-Control"]) == (1, "no-store")

    def test_can_be_asked_for_by_their_hash(self, anonymous, restock):
        restock()
        digest = sha256(CHANGES.encode()).hexdigest()
        extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
        body = {"extensions": extensions, "variables": {"after": "0"}}
        answers = [
            anonymous.post("/graphql", {**body, **more}, headers={"Accept": EVENT_STREAM})
            for more in ({}, {"query": CHANGES}, {})
        ]
        assert read_refusal(answers[0]) == ["PERSISTED_QUERY_NOT_FOUND"]
        assert [len(read_events(answer)) for answer in answers[1:]] == [1, 1]

    def test_say_when_their_beginning_was_deleted(self, app, anonymous, restock):
        restock(2)
        with app.app_context():
            session = app.extensions["sqlalchemy"].session()
            session.execute(update(Change).values(at=now() - timedelta(days=40)))
            session.commit()
            feed.purge_changes(Context(session), 30)
        assert read_refusal(subscribe(anonymous, CHANGES, after="0")) == ["CURSOR_EXPIRED"]

    @pytest.mark.parametrize("after", ["x", "-1", "", "99", "9" * 30])
    def test_refuse_a_cursor_that_does_not_exist(self, anonymous, restock, after):
        assert read_refusal(subscribe(anonymous, CHANGES, after=after)) == ["BAD_USER_INPUT"]

    def test_are_for_clients_that_also_accept_json(self, anonymous, restock):
        restock()
        accept = f"application/json, {EVENT_STREAM}"
        assert len(read_events(subscribe(anonymous, CHANGES, accept=accept, after="0"))) == 1


class TestOrderSteps:
    def test_are_results_with_the_status_after_each_step(self, customer, staff, order):
        staff.post(f"{order}/pay", {"reference": "bank"})
        node = {"orderId": "Order:1", "order": {"total": 249}}
        assert read_nodes(subscribe(customer, STEPS), "orderSteps") == [
            {"seq": "1", "move": "create", "status": "placed", "by": f"User:{customer.id}", **node},
            {"seq": "2", "move": "pay", "status": "paid", "by": f"User:{staff.id}", **node},
        ]

    def test_are_one_s_own(self, person, order):
        assert read_events(subscribe(person("eve"), STEPS)) == []

    def test_are_all_for_staff(self, staff, order):
        assert len(read_events(subscribe(staff, STEPS))) == 1

    def test_may_be_those_of_one_status(self, customer, staff, order):
        staff.post(f"{order}/pay", {"reference": "bank"})
        assert [
            node["move"] for node in read_nodes(subscribe(customer, STEPS, status="paid"), "orderSteps")
        ] == ["pay"]

    def test_may_be_those_of_one_customer_for_staff(self, customer, staff, order):
        found = [
            len(read_events(subscribe(staff, STEPS, userId=id))) for id in (f"User:{customer.id}", "999")
        ]
        assert found == [1, 0]

    def test_of_somebody_else_are_refused(self, customer, order):
        assert read_refusal(subscribe(customer, STEPS, userId="999")) == ["FORBIDDEN"]

    def test_are_refused_to_strangers(self, anonymous):
        assert read_refusal(subscribe(anonymous, STEPS)) == ["UNAUTHENTICATED"]

    def test_are_refused_after_the_login_has_ended(self, customer):
        customer.delete("/api/v1/tokens/current")
        assert read_refusal(subscribe(customer, STEPS)) == ["UNAUTHENTICATED"]


class TestLimits:
    def test_an_event_may_not_cost_as_much_as_a_query(self, staff):
        query = "subscription { orderSteps { order { user { orderConnection(first: 100) { nodes { id total can } } } } } }"
        (_, _, data), _ = read_events(subscribe(staff, query))
        assert data["errors"][0]["message"].endswith("; the limit is 300.")

    @pytest.mark.parametrize(
        ("query", "variables"),
        [
            (f"subscription {{ changes {{ seq }} }} # {'x' * 2000}", {}),
            (CHANGES, {"after": "0" * 2001}),
        ],
    )
    def test_a_subscription_is_short(self, anonymous, query, variables):
        assert read_refusal(subscribe(anonymous, query, **variables)) == ["GRAPHQL_VALIDATION_FAILED"]

    def test_a_subscription_counts_as_a_request(self, variant, restock):
        client = variant(rate_limit="2/minute").test_client()
        answers = [
            client.post("/graphql", json={"query": CHANGES}, headers={"Accept": EVENT_STREAM})
            for _ in range(3)
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 429]


class TestFailures:
    @pytest.fixture
    def fail(self, monkeypatch):
        def set_error(error: Exception) -> None:
            def find_entities(*_):
                raise error

            monkeypatch.setattr(dataloader, "find_entities", find_entities)

        return set_error

    def test_an_outage_loses_no_event(self, anonymous, restock, fail):
        restock()
        fail(OperationalError("SELECT", {}, Exception("gone")))
        answer = subscribe(anonymous, CHANGES, after="0")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")

    def test_an_internal_error_quotes_the_request_of_the_subscription(self, anonymous, restock, fail):
        restock()
        fail(RuntimeError("a bug"))
        answer = subscribe(anonymous, CHANGES, after="0")
        ((_, _, data),) = read_events(answer)
        assert data["data"] == {"changes": {**data["data"]["changes"], "seq": "1", "product": None}}
        assert data["errors"][0]["extensions"] == {
            "code": "INTERNAL_SERVER_ERROR",
            "requestId": answer.headers["X-Request-ID"],
        }


class TestOtherOperations:
    def test_a_query_is_one_result_and_complete(self, anonymous):
        assert read_events(subscribe(anonymous, "{ shop { name } }")) == [
            ("next", None, {"data": {"shop": {"name": "Shop"}}}),
            ("complete", None, None),
        ]

    def test_a_mutation_is_one_result_and_complete(self, staff, desk):
        answer = subscribe(staff, "mutation { restock(id: 1, amount: 3) { product { stock } } }")
        assert read_events(answer)[0][2] == {"data": {"restock": {"product": {"stock": 15}}}}

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("{", "GRAPHQL_PARSE_FAILED"),
            ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
            ("query($n: Int!) { products(first: $n) { totalCount } }", "BAD_USER_INPUT"),
            ("{ users { totalCount } }", "UNAUTHENTICATED"),
        ],
    )
    def test_what_is_wrong_is_a_result_too(self, anonymous, query, code):
        assert read_refusal(subscribe(anonymous, query)) == [code]

    def test_a_mutation_by_get_is_refused_by_its_status(self, anonymous):
        query = {"query": "mutation { logout { ok } }"}
        answer = anonymous.get("/graphql", query_string=query, headers={"Accept": EVENT_STREAM})
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
