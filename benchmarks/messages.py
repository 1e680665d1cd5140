"""A thousand orders as protobuf, and as JSON of REST and GraphQL: size, and time to write and read.

python -m benchmarks.messages
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from benchmarks.checkout import LINES, build_shop
from shop.doors.grpc import shop_pb2 as pb
from shop.doors.grpc.messages import build_message
from shop.services import orders
from shop.services.tokens import open_login
from shop.storage.transactions import Actor, Context

ORDERS, PAGE, ROUNDS = 1000, 100, 15
QUERY = """query($after: String) { orders(first: 100, after: $after) { nodes {
    id status total currency reference tracking createdAt updatedAt etag can
    items { productId name unitPrice quantity total } history { move by at } } pageInfo { endCursor } } }"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = build_shop(str(Path(folder)), SHOP_RATE_LIMIT="100000/second", SHOP_MAX_UNPAID_ORDERS="1000000")
        with app.app_context():
            db = app.extensions["sqlalchemy"]
            ctx = Context(db.session(), Actor(1, "customer", ""))
            for _ in range(ORDERS):
                orders.place_order(ctx, LINES)
            token = open_login(ctx, app.extensions["shop"].signer, 1).access_token
            pages = read_protobuf_pages(Context(db.session(), Actor(1, "customer", "")))
        client = app.test_client()
        headers = {"Authorization": f"Bearer {token}"}
        rest = [
            client.get(f"/api/v1/orders?per_page={PAGE}&page={n}", headers=headers).data
            for n in get_page_numbers()
        ]
        graphql = fetch_graphql_pages(client, headers)
    print_row("protobuf", [each.SerializeToString() for each in pages], pages,
         lambda page: page.SerializeToString(), pb.ListOrdersResponse.FromString)  # fmt: skip
    for name, texts in (("REST", rest), ("GraphQL", graphql)):
        print_row(name, texts, [json.loads(each) for each in texts], orjson.dumps, orjson.loads)


def get_page_numbers() -> range:
    return range(1, ORDERS // PAGE + 1)


def read_protobuf_pages(ctx: Context) -> list[pb.ListOrdersResponse]:
    found = []
    for number in get_page_numbers():
        page = orders.list_orders(ctx, {"page": number, "per_page": PAGE})
        found.append(
            pb.ListOrdersResponse(orders=[build_message(pb.Order, each, ctx) for each in page.items])
        )
    return found


def fetch_graphql_pages(client: Any, headers: dict[str, str]) -> list[bytes]:
    found, after = [], None
    for _ in get_page_numbers():
        words = {"query": QUERY, "variables": {"after": after}}
        answer = client.post("/graphql", json=words, headers=headers)
        found.append(answer.data)
        after = answer.json["data"]["orders"]["pageInfo"]["endCursor"]
    return found


def print_row(name: str, texts: list[bytes], made: list[Any], write: Any, read: Any) -> None:
    size = sum(map(len, texts)) / 1000
    write_time, read_time = measure_time(write, made), measure_time(read, texts)
    print(f"{name:10} {size:7.0f} kB  write {write_time:6.2f} ms  read {read_time:6.2f} ms")  # noqa: T201


def measure_time(process: Callable[[Any], Any], things: list[Any]) -> float:
    """Return the median milliseconds of processor time for all things."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for each in things:
            process(each)
        times.append((time.process_time() - began) * 1000)
    return statistics.median(times)


if __name__ == "__main__":
    main()
