"""Streaming methods: watch products or orders, create products in a batch, live prices.

A stream holds no thread and no database connection. Each feed is read once for all its streams. The caller of
a stream of orders is identified again before each message, because a token may end while its stream is open.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

from google.rpc import code_pb2 as code

from shop.domain.change import CHANGED
from shop.domain.order import find_status_after
from shop.domain.product import NewProduct, Product
from shop.doors.grpc import shop_pb2 as pb
from shop.doors.grpc.calls import Call, CallRunner
from shop.doors.grpc.errors import CallError, DeadlineExceeded, TryAgain
from shop.doors.grpc.handlers import parse_message
from shop.doors.grpc.messages import build_message, get_enum_number, load_input
from shop.doors.grpc.methods import build_idempotency, handle_move
from shop.doors.operations import read_feed
from shop.doors.resources import find_resource
from shop.hypermedia import rate_limits
from shop.hypermedia.callers import build_anonymous_context, get_context
from shop.model.errors import Invalid
from shop.model.moves import get_moves
from shop.runtime import get_runtime
from shop.services import changes, imports
from shop.services.changes import ChangeRow, ChangeSearch, ChangeStream
from shop.storage.execution import check_permission
from shop.storage.idempotency import answer_once
from shop.storage.transactions import Context

MAX_BATCH_ITEMS, BATCH_TIMEOUT = 1000, 60  # products of a batch; seconds it may take to arrive
MAX_WATCHED_PRODUCTS = 1000  # products that one stream may name
MAX_UNREAD_MESSAGES = 100  # messages that wait until the client reads them

Messages = AsyncIterator[Any]


class StreamMethods:
    """The streaming methods, on the feeds of changes and of order steps."""

    def __init__(self, runner: CallRunner) -> None:
        self.runner = runner
        with runner.app.app_context():
            self.ctx = build_anonymous_context()
        self.changes = self.open_feed(changes.read_changes)
        self.steps = self.open_feed(changes.read_steps)

    def open_feed(self, read: Callable[..., Sequence[ChangeRow]]) -> ChangeStream:
        watcher = get_runtime(self.runner.app).change_listener
        return ChangeStream(watcher, partial(self.runner.run_for_all, read_feed, read))

    def get_methods(self) -> dict[str, Callable[[Call, Any], Any]]:
        return {
            "WatchProducts": self.watch_products,
            "WatchOrders": self.watch_orders,
            "BatchCreateProducts": self.batch_create_products,
            "LivePriceUpdates": self.update_live_prices,
        }

    async def watch_products(self, call: Call, request: pb.WatchProductsRequest) -> Messages:
        product_ids = set(request.product_ids)
        if len(product_ids) > MAX_WATCHED_PRODUCTS:
            flaws = {"product_ids": [f"At most {MAX_WATCHED_PRODUCTS}."]}
            raise Invalid("Watch fewer products.", errors=flaws)
        find_newest = changes.find_newest_change
        call.cursor = await self.runner.run_for_call(call, find_start_cursor, request, find_newest)
        yield pb.WatchProductsResponse(cursor=call.cursor)
        async for rows in self.changes.read_after(call.cursor):
            for row in rows:
                if not product_ids or row.product_id in product_ids:
                    yield pb.WatchProductsResponse(cursor=row.seq, change=self.build_change(row))
                call.cursor = row.seq
        raise build_stopping_error()

    async def watch_orders(self, call: Call, request: pb.WatchOrdersRequest) -> Messages:
        caller = await self.runner.run_for_call(call, get_context)
        changes.filter_visible_steps(caller, ())
        find_newest = changes.find_newest_step
        call.cursor = await self.runner.run_for_call(call, find_start_cursor, request, find_newest)
        yield pb.WatchOrdersResponse(cursor=call.cursor)
        async for rows in self.steps.read_after(call.cursor):
            visible_rows = changes.filter_visible_steps(caller, rows) and await self.runner.run_for_call(
                call, filter_own_steps, rows
            )
            for row in visible_rows:
                yield pb.WatchOrdersResponse(
                    cursor=row.seq,
                    order_id=row.order_id,
                    step=build_message(pb.OrderStep, row, self.ctx),
                    status=get_status_after(row),
                )
                call.cursor = row.seq
            call.cursor = rows[-1].seq
        raise build_stopping_error()

    def build_change(self, row: ChangeRow) -> pb.ProductChange:
        return build_message(pb.ProductChange, row, self.ctx)

    async def batch_create_products(
        self, call: Call, raw_messages: Messages
    ) -> pb.BatchCreateProductsResponse:
        """Read the whole batch before creating anything, so that no transaction waits for a slow client."""
        await self.runner.run_for_call(call, check_product_permission, "create")
        items: list[pb.BatchCreateProductsRequest] = []
        try:
            async with asyncio.timeout(BATCH_TIMEOUT):
                async for raw in raw_messages:
                    items.append(parse_message(pb.BatchCreateProductsRequest, raw))
                    if len(items) > MAX_BATCH_ITEMS:
                        raise Invalid(f"A batch has {MAX_BATCH_ITEMS} products at most.")
        except TimeoutError:
            raise DeadlineExceeded(f"A batch must arrive within {BATCH_TIMEOUT} seconds.") from None
        return await self.runner.run_for_call(call, create_batch, items)

    async def update_live_prices(self, call: Call, raw_messages: Messages) -> Messages:
        """Exchange prices until the client has sent all its prices and received their effects."""
        call.cursor, end_cursor = await self.runner.run_for_call(call, begin_live_prices), float("inf")
        yield pb.LivePriceUpdatesResponse(cursor=call.cursor)
        queue = asyncio.Queue[Any](MAX_UNREAD_MESSAGES)
        tasks = [
            asyncio.create_task(forward_messages(queue, each))
            for each in (self.answer_prices(call, raw_messages), self.send_changes(call))
        ]
        try:
            while call.cursor < end_cursor:
                match await queue.get():
                    case Exception() as error:
                        raise error
                    case int() as end_cursor:
                        pass
                    case message:
                        if message.HasField("change") or message.HasField("answer"):
                            yield message
                        call.cursor = max(call.cursor, message.cursor)
        finally:
            for each in tasks:
                each.cancel()

    async def answer_prices(self, call: Call, raw_messages: Messages) -> Messages:
        """Yield an answer to each price, and finally the cursor up to which the feed must be sent.

        A message that cannot be parsed ends the stream, because its client has another .proto.
        """
        index = 0
        async for raw in raw_messages:
            answer = pb.LivePriceUpdatesResponse.Answer(index=index)
            request = parse_message(pb.LivePriceUpdatesRequest, raw)
            try:
                call.about = f"Product/{request.product_id}"
                await self.runner.count_call(call)
                response = await self.runner.run_for_call(call, update_price, request)
                answer.product.CopyFrom(response.product)
            except CallError as call_error:
                if call_error.status.code == code.UNAUTHENTICATED:
                    raise
                answer.refusal.CopyFrom(call_error.status)
            yield pb.LivePriceUpdatesResponse(answer=answer)
            index += 1
        yield await self.runner.run_for_all(changes.find_newest_change)

    async def send_changes(self, call: Call) -> Messages:
        async for rows in self.changes.read_after(call.cursor):
            for row in rows:
                change = self.build_change(row) if row.kind == CHANGED else None
                yield pb.LivePriceUpdatesResponse(cursor=row.seq, change=change)
        raise build_stopping_error()


async def forward_messages(queue: asyncio.Queue[Any], source: Messages) -> None:
    """Put all messages of a source into the queue, and its error if it fails."""
    try:
        async for each in source:
            await queue.put(each)
    except Exception as error:  # noqa: BLE001
        await queue.put(error)


def build_stopping_error() -> TryAgain:
    return TryAgain(code.UNAVAILABLE, "This server is about to stop.", "STOPPING")


# ---- Functions that run in a thread


def find_start_cursor(request: Any, newest: Callable[[Context], int]) -> int:
    """Return the cursor to begin with: the one that the caller sent, or the newest."""
    ctx = get_context()
    cursor = load_input(ChangeSearch(only=("after",)), request, ctx.currency).get("after")
    return newest(ctx) if cursor is None else cursor


def filter_own_steps(rows: Sequence[ChangeRow]) -> Sequence[ChangeRow]:
    return changes.filter_visible_steps(get_context(), rows)


def get_status_after(row: ChangeRow) -> int:
    """Return the status of an order after a step."""
    return get_enum_number(pb.OrderStatus.DESCRIPTOR, find_status_after(row.move))


def check_product_permission(name: str) -> None:
    check_permission(get_context(), Product, name)


def begin_live_prices() -> int:
    """Check that the caller may change prices, and return the cursor to begin with."""
    check_product_permission("update")
    return changes.find_newest_change(get_context())


def update_price(request: pb.LivePriceUpdatesRequest) -> pb.UpdateProductResponse:
    full_request = pb.UpdateProductRequest(
        id=request.product_id, etag=request.etag, request_id=request.request_id,
        price=request.price if request.HasField("price") else None, update_mask={"paths": ["price"]},
    )  # fmt: skip
    return handle_move("UpdateProduct", find_resource(Product), get_moves(Product)["update"], full_request)


def create_batch(items: list[pb.BatchCreateProductsRequest]) -> pb.BatchCreateProductsResponse:
    ctx = get_context()
    rate_limits.count_call()
    rate_limits.charge(len(items))
    products, flaws = [], []
    for index, item in enumerate(items):
        try:
            products.append(load_input(NewProduct(), item, ctx.currency))
        except Invalid as error:
            flaws.append({"index": index, "reason": imports.join_messages(error.facts["errors"])[:200]})
    if flaws:
        return pb.BatchCreateProductsResponse(failed_count=len(flaws), flaws=flaws)

    def import_batch() -> pb.BatchCreateProductsResponse:
        count, _ = imports.import_products(ctx, enumerate(products), lambda *_: None)
        return pb.BatchCreateProductsResponse(created_count=count)

    return answer_once(ctx, build_idempotency("BatchCreateProducts", items), import_batch)
