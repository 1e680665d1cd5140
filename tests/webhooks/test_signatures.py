"""Signatures, checked by the libraries of two other makers."""

import time

import pytest
import standardwebhooks
import svix.webhooks

from shop.webhooks.signatures import build_headers, create_secret, sign

BODY = b'{"type":"order.paid"}'
LIBRARIES = [standardwebhooks.Webhook, svix.webhooks.Webhook]


@pytest.fixture
def secret():
    return create_secret()


def test_the_example_of_the_specification_is_signed_as_it_says():
    """From the reference implementation of Standard Webhooks."""
    found = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_message_is_verified_by_other_libraries(secret, library):
    headers = build_headers([secret], "msg_1", int(time.time()), BODY)
    library(secret).verify(BODY, headers)
    with pytest.raises(Exception, match="signature"):
        library(secret).verify(BODY + b" ", headers)


@pytest.mark.parametrize("library", LIBRARIES)
def test_both_secrets_verify_a_message_while_one_is_replaced(library):
    secrets = [create_secret(), create_secret()]
    headers = build_headers(secrets, "msg_1", int(time.time()), BODY)
    for secret in secrets:
        library(secret).verify(BODY, headers)
    with pytest.raises(Exception, match="signature"):
        library(create_secret()).verify(BODY, headers)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_2"},
        {"webhook-timestamp": str(int(time.time()) - 1)},
        {"webhook-timestamp": str(int(time.time()) - 3600)},
    ],
)
def test_what_was_changed_on_the_way_is_not_verified(secret, change):
    headers = build_headers([secret], "msg_1", int(time.time()), BODY) | change
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(BODY, headers)


def test_every_secret_is_another_one_of_256_bits():
    secrets = {create_secret() for _ in range(100)}
    assert (len(secrets), {len(each) for each in secrets}) == (100, {len("whsec_") + 44})
