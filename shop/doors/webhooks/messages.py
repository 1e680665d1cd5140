"""What a receiver is sent: the event, and a link to what it is about. Nothing that it may not read."""

from collections.abc import Mapping
from time import time

import orjson

from shop.doors.resources import RESOURCES
from shop.services.deliveries import Claim
from shop.webhooks.signatures import build_headers

CONTENT = {"Content-Type": "application/json", "User-Agent": "Shop-Webhooks/1"}
PATHS = {resource.name: resource.path for resource in RESOURCES}


def build_body(claim: Claim, base_url: str) -> bytes:
    """Return the body, which is the same in every attempt."""
    path = PATHS[claim.event.partition(".")[0]]
    data = {"id": claim.subject_id, "_links": {"self": {"href": f"{base_url}{path}/{claim.subject_id}"}}}
    time_text = claim.happened_at.isoformat(timespec="milliseconds")[:-6] + "Z"
    return orjson.dumps({"type": claim.event, "timestamp": time_text, "data": data})


def build_message(claim: Claim, base_url: str) -> tuple[Mapping[str, str], bytes]:
    """Return headers and body; the signature holds the time of this attempt."""
    body = build_body(claim, base_url)
    return {**CONTENT, **build_headers(claim.secrets, claim.message_id, int(time()), body)}, body
