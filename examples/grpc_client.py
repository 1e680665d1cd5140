"""A gRPC client with deadlines, safe retries, and streams that continue after a lost connection.

python examples/grpc_client.py 127.0.0.1:50051 staff PASSWORD    (`shop grpc` must run; the user is staff)
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

from shop.doors.grpc import shop_pb2 as pb  # or the code that protoc generates from proto/shop/v1/shop.proto

TIMEOUT_SECONDS = 5
# Only UNAVAILABLE: either nothing was executed, or the request_id prevents a second execution.
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

    def rpc(self, path: str, takes: Any, gives: Any, kind: str = "unary_unary") -> Callable[..., Any]:
        method = getattr(self.channel, kind)(f"/shop.v1.{path}", takes.SerializeToString, gives.FromString)
        return lambda request, timeout=TIMEOUT_SECONDS: method(
            request, timeout=timeout, metadata=self.metadata
        )

    def login(self, username: str, password: str) -> None:
        words = pb.LoginRequest(username=username, password=password)
        pair = self.rpc("TokenService/Login", pb.LoginRequest, pb.LoginResponse)(words)
        self.metadata = [("authorization", f"Bearer {pair.access_token}")]

    def get(self, id: int) -> pb.Product:
        call = self.rpc("ProductService/GetProduct", pb.GetProductRequest, pb.GetProductResponse)
        return call(pb.GetProductRequest(id=id)).product

    def list(self, **search: Any) -> Iterator[pb.Product]:
        """Yield the products of all pages."""
        call = self.rpc("ProductService/ListProducts", pb.ListProductsRequest, pb.ListProductsResponse)
        page = call(pb.ListProductsRequest(**search))
        yield from page.products
        while page.next_page_token:
            page = call(pb.ListProductsRequest(**search, page_token=page.next_page_token))
            yield from page.products

    def create(self, **words: Any) -> pb.Product:
        call = self.rpc("ProductService/CreateProduct", pb.CreateProductRequest, pb.CreateProductResponse)
        return call(pb.CreateProductRequest(**words, request_id=str(uuid.uuid4()))).product

    def update(self, seen: pb.Product, **words: Any) -> pb.Product:
        """Update a product, unless it has changed since it was read."""
        call = self.rpc("ProductService/UpdateProduct", pb.UpdateProductRequest, pb.UpdateProductResponse)
        mask = FieldMask(paths=list(words))
        return call(pb.UpdateProductRequest(id=seen.id, etag=seen.etag, update_mask=mask, **words)).product

    def delete(self, seen: pb.Product) -> None:
        call = self.rpc("ProductService/DeleteProduct", pb.DeleteProductRequest, pb.DeleteProductResponse)
        call(pb.DeleteProductRequest(id=seen.id, etag=seen.etag))

    def watch(self, cursor: int | None = None) -> Iterator[pb.WatchProductsResponse]:
        """Yield every change once and in order, without end; continue after a lost connection."""
        call = self.rpc(
            "ProductService/WatchProducts", pb.WatchProductsRequest, pb.WatchProductsResponse, "unary_stream"
        )
        while True:
            try:
                for each in call(pb.WatchProductsRequest(cursor=cursor), timeout=3600):
                    cursor = each.cursor
                    yield each
            except grpc.RpcError as error:
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    raise
                grpc.channel_ready_future(self.channel).result(timeout=60)

    def batch(self, products: Iterable[dict[str, Any]]) -> pb.BatchCreateProductsResponse:
        call = self.rpc(
            "ProductService/BatchCreateProducts", pb.BatchCreateProductsRequest,
            pb.BatchCreateProductsResponse, "stream_unary",
        )  # fmt: skip
        key = str(uuid.uuid4())
        return call(pb.BatchCreateProductsRequest(**words, request_id=key) for words in products)

    def prices(self, prices: dict[int, Money]) -> Iterator[pb.LivePriceUpdatesResponse]:
        call = self.rpc(
            "ProductService/LivePriceUpdates", pb.LivePriceUpdatesRequest,
            pb.LivePriceUpdatesResponse, "stream_stream",
        )  # fmt: skip
        return call(pb.LivePriceUpdatesRequest(product_id=id, price=price) for id, price in prices.items())


def read_violations(error: grpc.RpcError) -> list[str]:
    """Return the invalid fields with the reasons."""
    raw = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    found, request = [], BadRequest()
    for detail in Status.FromString(raw).details:
        if detail.Unpack(request):
            found += [f"{each.field}: {each.description}" for each in request.field_violations]
    return found


def to_usd(cents: int) -> Money:
    return Money(currency_code="USD", units=cents // 100, nanos=cents % 100 * 10_000_000)


def main(address: str, username: str, password: str) -> None:
    shop = ProductClient(address)
    shop.login(username, password)
    changes = shop.watch()
    next(changes)  # the first message has the current cursor
    laptop = shop.create(name="Laptop Pro", price=to_usd(249999), stock=10)
    laptop = shop.update(laptop, price=to_usd(229999))
    price = f"{laptop.price.units}.{laptop.price.nanos // 10_000_000:02}"
    print(f"{laptop.name}: {price} {laptop.price.currency_code}")
    try:
        shop.create(name="", price=Money(currency_code="EUR", units=1))
    except grpc.RpcError as error:
        print(error.code().name, *sorted(read_violations(error)), sep="\n  ")
    made = shop.batch({"name": name, "price": to_usd(9999)} for name in ("Mouse", "Keyboard"))
    print(f"{made.created_count} created at once")
    for each in shop.prices({laptop.id: to_usd(219999), 10**9: to_usd(1)}):
        if each.HasField("answer"):
            print(each.answer.refusal.message or f"now {each.answer.product.price.units}")
    print(*(f"{product.name} ({product.stock})" for product in shop.list(q="laptop", page_size=1)), sep=", ")
    shop.delete(shop.get(laptop.id))
    print(*(pb.ChangeKind.Name(each.change.kind) for each in islice(changes, 6)), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
