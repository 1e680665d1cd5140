"""The limit of the server: two answers made beforehand, and nothing around them."""

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.goods import product

logging.getLogger("waitress.queue").setLevel(logging.ERROR)

MOMENT = "2026-01-01T00:00:00Z"


def document(number: int) -> dict[str, Any]:
    goods = product(number)
    return {"id": number, **goods, "price": goods["price"] / 100, "created_at": MOMENT, "updated_at": MOMENT}


ONE = document(1)
LIST = {"total": 1000, "items": [document(number) for number in range(1, 21)]}
BODIES = [json.dumps(each).encode() for each in (ONE, LIST)]


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = BODIES[environ["PATH_INFO"] == "/products"]
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
