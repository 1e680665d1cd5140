"""Signatures, checked by the libraries of Standard Webhooks in Python and in JavaScript."""

import json
import subprocess
import time
from pathlib import Path

import pytest
import standardwebhooks

from shop.webhooks.signatures import build_headers, create_secret, sign
from tests.node import with_packages

BODY = b'{"type":"order.paid"}'
HERE = Path(__file__).parent


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


def verify_in_python(secret, headers, body):
    return standardwebhooks.Webhook(secret).verify(body, headers)


def verify_in_javascript(secret, headers, body):
    words = json.dumps({"secret": secret, "headers": headers, "body": body.decode()})
    found = subprocess.run(
        [with_packages(HERE), HERE / "verify.mjs"], input=words, capture_output=True, text=True, timeout=60
    )
    if found.returncode:
        raise standardwebhooks.WebhookVerificationError(found.stderr)
    return json.loads(found.stdout)


VERIFIERS = [verify_in_python, verify_in_javascript]


@pytest.mark.parametrize("verify", VERIFIERS)
def test_a_message_is_verified_by_other_libraries(secret, verify):
    headers = build_headers([secret], "msg_1", int(time.time()), BODY)
    assert verify(secret, headers, BODY) == json.loads(BODY)


@pytest.mark.parametrize("verify", VERIFIERS)
def test_both_secrets_verify_a_message_while_one_is_replaced(verify):
    secrets = [create_secret(), create_secret()]
    headers = build_headers(secrets, "msg_1", int(time.time()), BODY)
    assert [verify(each, headers, BODY) for each in secrets] == [json.loads(BODY)] * 2


@pytest.mark.parametrize("verify", VERIFIERS)
@pytest.mark.parametrize(("secret_is_other", "body"), [(True, BODY), (False, BODY + b" ")])
def test_another_secret_or_body_is_not_verified(secret, verify, secret_is_other, body):
    headers = build_headers([secret], "msg_1", int(time.time()), BODY)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verify(create_secret() if secret_is_other else secret, headers, body)


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
