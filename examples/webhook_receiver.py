"""A receiver of webhooks: verifies signatures without a library, and handles each message once.

SECRETS="whsec_..." flask --app examples/webhook_receiver.py run    (two secrets while one is replaced)
"""

# ruff: noqa: T201
import base64
import hashlib
import hmac
import os
import sqlite3
import time

from flask import Flask, request

SECRETS = os.environ["SECRETS"].split()
MAX_AGE_SECONDS = 300
MAX_BODY = 20_000

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
database = sqlite3.connect(os.environ.get("SEEN", "seen.db"), check_same_thread=False, isolation_level=None)
database.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY)")


def is_signed(message_id: str, timestamp: str, signatures: str, body: bytes) -> bool:
    """Whether one of our secrets has signed the message, a short time ago."""
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > MAX_AGE_SECONDS:
        return False
    content = b"%s.%s.%s" % (message_id.encode(), timestamp.encode(), body)
    return any(
        hmac.compare_digest(sign(secret, content), signature)
        for secret in SECRETS
        for signature in signatures.split()
    )


def sign(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return f"v1,{base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()}"


@app.post("/events")
def receive() -> tuple[str, int]:
    """Answer quickly, because the shop waits 15 seconds; longer work belongs into a queue."""
    message_id, timestamp, signatures = (
        request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
    )
    if not is_signed(message_id, timestamp, signatures, request.get_data()):
        return "", 400
    if database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (message_id,)).rowcount:
        event = request.get_json()
        print(event["type"], event["data"]["_links"]["self"]["href"], flush=True)
    return "", 204
