"""Hooks over gRPC: the same as over REST."""

import pytest

from tests.grpc_client import CallError

URL = "https://8.8.8.8/events"  # nothing is sent here


@pytest.fixture
def hook(grpc_client, customer_token):
    hook = grpc_client.call("CreateHook", customer_token, url=URL, events=["order.paid"]).hook
    yield hook
    grpc_client.call("DeleteHook", customer_token, id=hook.id)


def test_a_hook_is_changed_in_part(grpc_client, customer_token, hook):
    call = grpc_client.call("UpdateHook", customer_token, id=hook.id, description="The warehouse")
    assert ([*call.hook.events], call.hook.url, call.hook.description) == (
        ["order.paid"],
        URL,
        "The warehouse",
    )
    call = grpc_client.call("UpdateHook", customer_token, id=hook.id, events=["*"])
    assert ([*call.hook.events], call.hook.description) == (["*"], "The warehouse")


def test_a_secret_is_in_the_response_that_made_it_alone(grpc_client, customer_token, hook):
    shown = grpc_client.call("GetHook", customer_token, id=hook.id).hook
    new = grpc_client.call("RotateSecretOfHook", customer_token, id=hook.id).hook
    assert (hook.secret[:6], shown.HasField("secret"), new.secret != hook.secret) == ("whsec_", False, True)


def test_a_hook_is_disabled_and_enabled(grpc_client, customer_token, hook):
    disabled = grpc_client.call("DisableHook", customer_token, id=hook.id).hook
    enabled = grpc_client.call("EnableHook", customer_token, id=hook.id).hook
    assert (disabled.status, "enable" in disabled.can, enabled.status) == (2, True, 1)


def test_a_ping_is_a_delivery_that_waits(grpc_client, customer_token, hook):
    delivery = grpc_client.call("PingHook", customer_token, id=hook.id).delivery
    listed = grpc_client.call("ListDeliveries", customer_token, status=1).deliveries
    assert (delivery.event, delivery.hook_id, delivery.id in [each.id for each in listed]) == (
        "hook.ping",
        hook.id,
        True,
    )
    assert (delivery.HasField("last_attempt_at"), delivery.HasField("response_status")) == (False, False)


@pytest.mark.parametrize("change", [{"events": []}, {"url": "ftp://8.8.8.8/"}, {"events": ["user.deleted"]}])
def test_what_may_not_be_is_refused(grpc_client, customer_token, change):
    with pytest.raises(CallError, match="INVALID_ARGUMENT"):
        grpc_client.call("CreateHook", customer_token, **{"url": URL, "events": ["*"], **change})


def test_others_find_no_hook(grpc_client, staff_token, hook):
    with pytest.raises(CallError, match="NOT_FOUND"):
        grpc_client.call("GetHook", staff_token, id=hook.id)
