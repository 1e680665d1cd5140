"""gRPC made right: an end to every wait, tried again where that is safe, and streams that go on after a cut.

python examples/grpc_client.py 127.0.0.1:50051 staff PASSWORD    (`shop grpc`; it adds and prices, so staff)
"""

# ruff: noqa: T201
import json
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from google.type.money_pb2 import Money

from shop.doors.grpc import shop_pb2 as pb  # or what protoc makes of proto/shop/v1/shop.proto

SECONDS = 5
# UNAVAILABLE alone: nothing was done, or the request_id keeps it from being done twice.
RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.2s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
SERVICES = [{"service": f"shop.v1.{name}Service"} for name in ("Product", "Order", "User", "Token")]
OPTIONS = {
    "grpc.service_config": json.dumps({"methodConfig": [{"name": SERVICES, "retryPolicy": RETRY}]}),
    "grpc.keepalive_time_ms": 30_000,
}


class ProductClient:
    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address, list(OPTIONS.items()))
        self.metadata: list[tuple[str, str]] = []

    def rpc(self, path: str, takes: Any, gives: Any, ways: str = "unary_unary") -> Callable[..., Any]:
        method = getattr(self.channel, ways)(f"/shop.v1.{path}", takes.SerializeToString, gives.FromString)
        return lambda given, timeout=SECONDS: method(given, timeout=timeout, metadata=self.metadata)

    def login(self, username: str, password: str) -> None:
        words = pb.LoginRequest(username=username, password=password)
        pair = self.rpc("TokenService/Login", pb.LoginRequest, pb.LoginResponse)(words)
        self.metadata = [("authorization", f"Bearer {pair.access_token}")]

    def get(self, id: int) -> pb.Product:
        ask = self.rpc("ProductService/GetProduct", pb.GetProductRequest, pb.GetProductResponse)
        return ask(pb.GetProductRequest(id=id)).product

    def list(self, **search: Any) -> Iterator[pb.Product]:
        """All pages, one after the other."""
        ask = self.rpc("ProductService/ListProducts", pb.ListProductsRequest, pb.ListProductsResponse)
        page = ask(pb.ListProductsRequest(**search))
        yield from page.products
        while page.next_page_token:
            page = ask(pb.ListProductsRequest(**search, page_token=page.next_page_token))
            yield from page.products

    def create(self, **words: Any) -> pb.Product:
        ask = self.rpc("ProductService/CreateProduct", pb.CreateProductRequest, pb.CreateProductResponse)
        return ask(pb.CreateProductRequest(**words, request_id=str(uuid.uuid4()))).product

    def update(self, seen: pb.Product, **words: Any) -> pb.Product:
        """Change what was seen, and nothing that somebody has changed since."""
        ask = self.rpc("ProductService/UpdateProduct", pb.UpdateProductRequest, pb.UpdateProductResponse)
        mask = FieldMask(paths=list(words))
        return ask(pb.UpdateProductRequest(id=seen.id, etag=seen.etag, update_mask=mask, **words)).product

    def delete(self, seen: pb.Product) -> None:
        ask = self.rpc("ProductService/DeleteProduct", pb.DeleteProductRequest, pb.DeleteProductResponse)
        ask(pb.DeleteProductRequest(id=seen.id, etag=seen.etag))

    def watch(self, cursor: int | None = None) -> Iterator[pb.WatchProductsResponse]:
        """Every change once and in order, for as long as you like; a cut is gone on from where it was."""
        ask = self.rpc(
            "ProductService/WatchProducts", pb.WatchProductsRequest, pb.WatchProductsResponse, "unary_stream"
        )
        while True:
            try:
                for each in ask(pb.WatchProductsRequest(cursor=cursor), timeout=3600):
                    cursor = each.cursor
                    yield each
            except grpc.RpcError as error:
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    raise
                grpc.channel_ready_future(self.channel).result(timeout=60)

    def batch(self, products: Iterable[dict[str, Any]]) -> pb.BatchCreateProductsResponse:
        ask = self.rpc(
            "ProductService/BatchCreateProducts", pb.BatchCreateProductsRequest,
            pb.BatchCreateProductsResponse, "stream_unary",
        )  # fmt: skip
        key = str(uuid.uuid4())
        return ask(pb.BatchCreateProductsRequest(**words, request_id=key) for words in products)

    def prices(self, prices: dict[int, Money]) -> Iterator[pb.LivePriceUpdatesResponse]:
        ask = self.rpc(
            "ProductService/LivePriceUpdates", pb.LivePriceUpdatesRequest,
            pb.LivePriceUpdatesResponse, "stream_stream",
        )  # fmt: skip
        return ask(pb.LivePriceUpdatesRequest(product_id=id, price=price) for id, price in prices.items())


def flaws(error: grpc.RpcError) -> list[str]:
    """Which fields were wrong, and why."""
    raw = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    found, request = [], BadRequest()
    for detail in Status.FromString(raw).details:
        if detail.Unpack(request):
            found += [f"{each.field}: {each.description}" for each in request.field_violations]
    return found


def usd(cents: int) -> Money:
    return Money(currency_code="USD", units=cents // 100, nanos=cents % 100 * 10_000_000)


def main(address: str, username: str, password: str) -> None:
    shop = ProductClient(address)
    shop.login(username, password)
    changes = shop.watch()
    next(changes)  # has the cursor of now
    laptop = shop.create(name="Laptop Pro", price=usd(249999), stock=10)
    laptop = shop.update(laptop, price=usd(229999))
    price = f"{laptop.price.units}.{laptop.price.nanos // 10_000_000:02}"
    print(f"{laptop.name}: {price} {laptop.price.currency_code}")
    try:
        shop.create(name="", price=Money(currency_code="EUR", units=1))
    except grpc.RpcError as error:
        print(error.code().name, *sorted(flaws(error)), sep="\n  ")
    made = shop.batch({"name": name, "price": usd(9999)} for name in ("Mouse", "Keyboard"))
    print(f"{made.created_count} created at once")
    for each in shop.prices({laptop.id: usd(219999), 10**9: usd(1)}):
        if each.HasField("answer"):
            print(each.answer.refusal.message or f"now {each.answer.product.price.units}")
    print(*(f"{product.name} ({product.stock})" for product in shop.list(q="laptop", page_size=1)), sep=", ")
    shop.delete(shop.get(laptop.id))
    print(*(pb.ChangeKind.Name(each.change.kind) for each in islice(changes, 6)), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
