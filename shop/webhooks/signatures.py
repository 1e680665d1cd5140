"""Signatures of Standard Webhooks: HMAC-SHA256 over the id, the time and the body of a message."""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from secrets import token_bytes

SECRET_PREFIX, SECRET_BYTES = "whsec_", 32
VERSION = "v1"


def create_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(token_bytes(SECRET_BYTES)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    digest = hmac.new(key, b"%s.%d.%s" % (message_id.encode(), timestamp, body), hashlib.sha256).digest()
    return f"{VERSION},{base64.b64encode(digest).decode()}"


def build_headers(secrets: Iterable[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a message, with a signature for each secret that is valid now."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, message_id, timestamp, body) for secret in secrets),
    }
