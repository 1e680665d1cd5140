"""The limit of the server: two prepared answers in plain WSGI."""

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.catalogue import build_product

logging.getLogger("waitress.queue").setLevel(logging.ERROR)

CREATED_AT = "2026-01-01T00:00:00Z"


def build_document(number: int) -> dict[str, Any]:
    product = build_product(number)
    return {
        "id": number,
        **product,
        "price": product["price"] / 100,
        "created_at": CREATED_AT,
        "updated_at": CREATED_AT,
    }


ONE = build_document(1)
LIST = {"total": 1000, "items": [build_document(number) for number in range(1, 21)]}
BODIES = [json.dumps(each).encode() for each in (ONE, LIST)]


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = BODIES[environ["PATH_INFO"] == "/products"]
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
