"""The cost of each kind of answer: processor time for the shop, and requests of the caller's quota.

python -m benchmarks.prices
"""

import json
import tempfile
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from time import process_time
from typing import Any

from flask.testing import FlaskClient

from benchmarks.checkout import build_shop
from shop.domain.passwords import hash_password
from shop.domain.user import User

ROUNDS, LIMIT = 60, 1_000_000
PASSWORD = "walnut-and-brass"  # noqa: S105
FORMS = {"Accept": "application/prs.hal-forms+json"}
PRODUCT = "{ product(id: 1) { name price } }"
INTROSPECTION = "{ __schema { types { name fields { name type { name kind } } } } }"


@dataclass
class Request:
    """One kind of request; `{n}` in its path and body is replaced by a new number each time."""

    name: str
    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, client: FlaskClient, number: int) -> Any:
        body = json.dumps(self.body).replace("{n}", str(number)) if self.body else None
        headers = {**self.headers, **({"Content-Type": "application/json"} if body else {})}
        return client.open(
            self.path.replace("{n}", str(number)), method=self.method, data=body, headers=headers
        )


def build_requests(client: FlaskClient) -> list[Request]:
    login = {"username": "ada", "password": PASSWORD}
    own = {"Authorization": f"Bearer {client.post('/api/v1/tokens', json=login).json['access_token']}"}
    tag = client.get("/api/v1/products/1").headers["ETag"]
    own_tag = client.get("/api/v1/products/1", headers=own).headers["ETag"]
    lines = [{"product_id": 1, "quantity": 1}, {"product_id": 2, "quantity": 2}]
    account = {"username": "user{n}", "email": "user{n}@shop.example", "password": PASSWORD}
    return [
        Request("304 from the cache", "GET", "/api/v1/products/1", headers={"If-None-Match": tag}),
        Request("304, logged in", "GET", "/api/v1/products/1", headers={"If-None-Match": own_tag, **own}),
        Request("page of the explorer", "GET", "/", headers={"Accept": "text/html"}),
        Request("one product from the cache", "GET", "/api/v1/products/1"),
        Request("one product, logged in", "GET", "/api/v1/products/1", headers=own),
        Request("list, asked for the first time", "GET", "/api/v1/products?min_price={n}"),
        Request("home with forms, logged in", "GET", "/", headers={**FORMS, **own}),
        Request("401", "GET", "/api/v1/orders"),
        Request("404", "GET", "/nowhere/{n}"),
        Request("login", "POST", "/api/v1/tokens", body=login),
        Request("login that fails", "POST", "/api/v1/tokens", body={**login, "password": "wrong"}),
        Request("registration", "POST", "/api/v1/users", body=account),
        Request("order of two lines", "POST", "/api/v1/orders", body={"items": lines}, headers=own),
        Request("GraphQL, one product", "POST", "/graphql", body={"query": PRODUCT}),
        Request("GraphQL, introspection", "POST", "/graphql", body={"query": INTROSPECTION}),
    ]  # fmt: skip


def read_remaining(answer: Any) -> int | None:
    header = answer.headers.get("RateLimit", "")
    return int(header.partition("r=")[2].partition(";")[0]) if header.startswith('"default"') else None


def measure_price(client: FlaskClient, request: Request) -> tuple[float, str]:
    """Return the milliseconds of processor time and the requests of the caller's quota."""
    times, remaining = [], []
    for number in range(ROUNDS):
        began = process_time()
        answer = request.send(client, number)
        times.append(process_time() - began)
        remaining.append(read_remaining(answer))
    if None in remaining:
        return median(times) * 1000, "0 (the ceiling of the address counts it)"
    used = [before - after for before, after in pairwise(remaining)]
    return median(times) * 1000, f"{median(used):.0f}"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="prices-") as folder:
        limits = {"SHOP_RATE_LIMIT": f"{LIMIT}/day", "SHOP_LOGIN_RATE_LIMIT": f"{LIMIT}/day"}
        app = build_shop(folder, SHOP_MAX_UNPAID_ORDERS="1000000", **limits)
        with app.app_context():
            session = app.extensions["sqlalchemy"].session
            session.get(User, 1).password_hash = hash_password(PASSWORD)
            session.commit()
        client = app.test_client()
        print("| answer | milliseconds of ours | requests of the caller's |\n| --- | ---: | ---: |")  # noqa: T201
        for request in build_requests(client):
            milliseconds, cost = measure_price(client, request)
            print(f"| {request.name} | {milliseconds:.2f} | {cost} |")  # noqa: T201


if __name__ == "__main__":
    main()
