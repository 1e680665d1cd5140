"""Hooks, driven by links and forms: whose they are, what they show, and where they may send."""

import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from shop.domain.hook import Delivery, Hook
from shop.services import hooks as hook_service
from tests.rest.test_drafts import FORMS, submit

URL = "https://8.8.8.8/events"  # nothing is sent in these tests


def add_hook(person, url=URL, events=("*",), **more):
    return person.post("/api/v1/hooks", {"url": url, "events": [*events], **more})


@pytest.fixture
def hook(customer) -> dict:
    return add_hook(customer).json


def call(person, document, rel, method="POST", **options):
    return person.call(method, document["_links"][rel]["href"], headers=FORMS, json={}, **options)


@pytest.fixture
def end_deliveries(app):
    """Sets the state of all deliveries."""

    def end(status):
        with app.extensions["shop"].engine.begin() as connection:
            connection.execute(update(Delivery).values(status=status))

    return end


class TestByForms:
    def test_a_hook_is_added_changed_and_deleted(self, customer):
        home = customer.get("/", headers=FORMS).json
        form = {"url": URL, "events": ["order.placed", "order.paid"], "description": "The warehouse"}
        hook = submit(customer, home, "subscribe", **form).json
        changed = submit(customer, hook, "update", events=["*"]).json
        assert (changed["events"], changed["description"]) == (["*"], "The warehouse")
        assert submit(customer, changed, "delete").status_code == 204
        assert customer.get("/api/v1/hooks").json["total"] == 0

    def test_the_form_names_the_events_and_how_many(self, customer):
        form = customer.get("/api/v1/hooks", headers=FORMS).json["_templates"]["subscribe"]
        events = next(each for each in form["properties"] if each["name"] == "events")
        assert {"*", "order.placed", "user.deleted"} < set(events["options"]["inline"])
        assert (events["options"]["minItems"], events["options"]["maxItems"]) == (1, 18)

    def test_the_present_events_are_selected(self, customer):
        hook = customer.post(
            "/api/v1/hooks", {"url": URL, "events": ["order.paid", "order.shipped"]}, headers=FORMS
        ).json
        events = next(each for each in hook["_templates"]["update"]["properties"] if each["name"] == "events")
        assert events["options"]["selectedValues"] == ["order.paid", "order.shipped"]

    def test_a_disabled_hook_offers_to_enable_it(self, customer, hook):
        disabled = call(customer, hook, "disable").json
        assert ({"enable"} <= {*disabled["_links"]}, "ping" in disabled["_links"]) == (True, False)
        assert disabled["disabled_because"] == "Its owner disabled it."
        assert call(customer, disabled, "enable").json["status"] == "enabled"

    def test_the_deliveries_are_found_from_the_hook_and_back(self, customer, hook):
        delivery = call(customer, hook, "ping").json
        listed = customer.get(hook["_links"]["deliveries"]["href"]).json["_embedded"]["item"]
        assert ([each["id"] for each in listed], delivery["_links"]["hook"]["href"]) == (
            [delivery["id"]],
            hook["_links"]["self"]["href"],
        )


class TestSecrets:
    def test_are_shown_in_the_answer_that_made_them_alone(self, customer, hook):
        shown = [hook, call(customer, hook, "rotate").json]
        hidden = [
            customer.get("/api/v1/hooks/1").json,
            customer.get("/api/v1/hooks").json,
            call(customer, hook, "disable").json,
        ]
        assert all(re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", each["secret"]) for each in shown)
        assert ("whsec_" in str(hidden), shown[0]["secret"] == shown[1]["secret"]) == (False, False)

    def test_are_shown_again_to_the_same_call_with_the_same_key(self, customer):
        body, key = {"url": URL, "events": ["*"]}, {"Idempotency-Key": "one"}
        answers = [customer.post("/api/v1/hooks", body, headers=key).json for _ in range(2)]
        assert answers[0]["secret"] == answers[1]["secret"]

    def test_are_not_in_a_change(self, customer, hook):
        assert customer.patch("/api/v1/hooks/1", {"description": "x"}).json.keys().isdisjoint({"secret"})


class TestOthers:
    @pytest.mark.parametrize("role", ["customer", "staff"])
    def test_find_neither_hook_nor_delivery(self, customer, person, hook, role):
        other, delivery = person("eve", role), call(customer, hook, "ping").json
        paths = ["hooks/1", "hooks/1/deliveries", f"deliveries/{delivery['id']}"]
        assert [other.get(f"/api/v1/{path}").status_code for path in paths] == [404] * 3
        assert [other.get(f"/api/v1/{path}").json["total"] for path in ("hooks", "deliveries")] == [0, 0]

    @pytest.mark.parametrize("role", ["customer", "staff"])
    @pytest.mark.parametrize("path", ["enable", "disable", "rotate", "ping"])
    def test_cannot_move_a_hook(self, hook, person, role, path):
        assert person("eve", role).post(f"/api/v1/hooks/1/{path}").status_code == 404

    def test_cannot_send_a_delivery_again(self, customer, person, hook, end_deliveries):
        delivery = call(customer, hook, "ping").json
        end_deliveries("failed")
        assert person("eve").post(f"/api/v1/deliveries/{delivery['id']}/redeliver").status_code == 404

    @pytest.mark.parametrize("path", ["hooks", "deliveries", "hooks/1", "hooks/1/deliveries", "deliveries/1"])
    def test_who_are_strangers_log_in_first(self, anonymous, hook, path):
        assert anonymous.get(f"/api/v1/{path}").status_code == 401

    def test_who_are_strangers_add_none(self, anonymous):
        assert add_hook(anonymous).status_code == 401


class TestInput:
    @pytest.mark.parametrize(
        "url", ["javascript:alert(1)", "", "https://" + "x" * 500, "https://8.8.8.8/\n", 7, None]
    )
    def test_what_is_no_url_is_refused_by_its_name(self, customer, url):
        answer = add_hook(customer, url)
        assert (answer.status_code, {each["pointer"] for each in answer.json["errors"]}) == (400, {"#/url"})

    @pytest.mark.parametrize(
        "url",
        [
            "http://receiver.example/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest/meta-data",
            "https://user:secret@8.8.8.8/", "https://8.8.8.8:22/", "https://8.8.8.8/#x", "https://[/", "https://!",
        ],
    )  # fmt: skip
    def test_a_url_that_may_not_be_sent_to_is_refused_by_its_name(self, customer, url):
        answer = add_hook(customer, url)
        assert (answer.status_code, {each["pointer"] for each in answer.json["errors"]}) == (409, {"#/url"})

    @pytest.mark.parametrize("method", ["put", "patch"])
    def test_a_change_is_checked_too(self, customer, hook, method):
        body = {"url": "https://10.0.0.1/", "events": ["*"]}
        assert getattr(customer, method)("/api/v1/hooks/1", body).status_code == 409

    @pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "::1"])
    def test_a_name_of_a_private_address_is_refused(self, customer, monkeypatch, address):
        place = [(None, None, None, "", (address, 443))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: place)
        answer = add_hook(customer, "https://receiver.example/")
        assert (answer.status_code, "not public" in answer.text, address in answer.text) == (409, True, False)

    def test_a_name_without_an_address_is_refused(self, customer):
        answer = add_hook(customer, "https://receiver.invalid/")
        assert (answer.status_code, "no address" in answer.text) == (409, True)

    def test_a_setting_for_development_allows_this_machine(self, person, variant):
        developer = person("dev", at=variant(allow_private_hooks="on"))
        assert add_hook(developer, "http://127.0.0.1:9/").status_code == 201

    @pytest.mark.parametrize("events", [[], ["order"], ["order.*"], "*", [1], [None], None, ["*"] * 19])
    def test_events_are_a_list_of_known_names(self, customer, events):
        answer = customer.post("/api/v1/hooks", {"url": URL, "events": events})
        assert answer.status_code == 400

    @pytest.mark.parametrize("event", ["product.created", "user.deleted"])
    def test_events_of_staff_are_for_staff(self, customer, staff, event):
        statuses = [add_hook(each, events=[event]).status_code for each in (customer, staff)]
        assert statuses == [400, 201]

    def test_events_of_staff_cannot_be_added_later(self, customer, hook):
        assert customer.patch("/api/v1/hooks/1", {"events": ["product.created"]}).status_code == 400

    def test_lookups_take_few_threads(self, customer, monkeypatch):
        monkeypatch.setattr(hook_service, "LOOKUPS", hook_service.BoundedSemaphore(1))
        hook_service.LOOKUPS.acquire()
        answer = add_hook(customer)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


class TestBounds:
    def test_an_account_has_at_most_ten_hooks(self, customer):
        statuses = [add_hook(customer).status_code for _ in range(11)]
        assert statuses == [201] * 10 + [409]

    def test_even_if_many_are_added_at_once(self, app, customer):
        def add(_):
            headers = {**customer.headers}
            return (
                app.test_client()
                .post("/api/v1/hooks", json={"url": URL, "events": ["*"]}, headers=headers)
                .status_code
            )

        with ThreadPoolExecutor(4) as pool:
            statuses = sorted(pool.map(add, range(14)))
        assert statuses == [201] * 10 + [409] * 4


class TestDeliveries:
    def test_of_a_ping_wait_to_be_sent(self, customer, hook):
        delivery = call(customer, hook, "ping")
        found = {name: delivery.json[name] for name in ("event", "status", "attempts")}
        assert (delivery.status_code, found) == (
            201,
            {"event": "hook.ping", "status": "waiting", "attempts": 0},
        )

    def test_of_one_state_are_listed(self, customer, hook, end_deliveries):
        call(customer, hook, "ping")
        end_deliveries("failed")
        totals = [
            customer.get(f"/api/v1/hooks/1/deliveries?status={status}").json["total"]
            for status in ("failed", "waiting")
        ]
        assert totals == [1, 0]

    @pytest.mark.parametrize("status", ["failed", "delivered"])
    def test_that_ended_are_sent_again_with_their_id(self, customer, hook, end_deliveries, status):
        delivery = call(customer, hook, "ping").json
        end_deliveries(status)
        again = customer.post(f"/api/v1/deliveries/{delivery['id']}/redeliver").json
        assert (again["status"], again["message_id"]) == ("waiting", delivery["message_id"])

    def test_that_wait_are_not_sent_again(self, customer, hook):
        delivery = call(customer, hook, "ping").json
        answer = customer.post(f"/api/v1/deliveries/{delivery['id']}/redeliver")
        assert ("redeliver" in delivery["_links"], answer.status_code) == (False, 409)

    def test_are_deleted_with_their_hook(self, app, customer, hook):
        call(customer, hook, "ping")
        customer.delete("/api/v1/hooks/1")
        assert customer.get("/api/v1/deliveries").json["total"] == 0

    def test_of_a_disabled_hook_are_not_begun_by_a_ping(self, customer, hook):
        call(customer, hook, "disable")
        assert customer.post("/api/v1/hooks/1/ping").status_code == 409


def test_the_answer_holds_no_column_that_is_for_senders(app, customer, hook):
    with app.extensions["shop"].engine.connect() as connection:
        row = connection.execute(select(Hook.__table__)).mappings().one()
    private = {"signing_secret", "old_signing_secret", "lease", "free_at", "begins_after", "user_id"}
    assert (private <= row.keys(), private & customer.get("/api/v1/hooks/1").json.keys()) == (True, set())
