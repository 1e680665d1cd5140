"""Calls that last: changes as they happen, batches, and prices both ways.

A stream holds no thread and no connection. What all follow is read once for all of them. Who may not see
everything is looked up again before he is told something, for a token may end while its stream goes on.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from google.rpc import code_pb2 as code

from shop.domain.change import CHANGED
from shop.domain.order import PLACED, Order
from shop.domain.product import NewProduct, Product
from shop.doors import quota
from shop.doors.grpc import shop_pb2 as pb
from shop.doors.grpc.adapter import Call, Door, parse
from shop.doors.grpc.errors import Late, Refusal, retry, status
from shop.doors.grpc.rpcs import keyed, make
from shop.doors.grpc.words import number, said, shaped
from shop.doors.web import anonymous, context
from shop.model.errors import Invalid, NotFound
from shop.model.moves import get_moves
from shop.runtime import get_runtime
from shop.services import changes, imports
from shop.services.changes import Row, Search, Stream
from shop.storage.execution import check_permission
from shop.storage.transactions import Context

ITEMS, BATCH_SECONDS = 1000, 60  # of a batch: how many at most, and in what time
WATCHED = 1000  # products that one stream may name
UNREAD = 100  # messages that wait for somebody to read them

Messages = AsyncIterator[Any]


class Streams:
    """The two feeds, and all who follow them."""

    def __init__(self, door: Door) -> None:
        self.door, watcher = door, get_runtime(door.app).change_listener
        with door.app.app_context():
            self.ctx = anonymous()
        self.changes, self.steps = (
            Stream(watcher, lambda cursor, read=read: door.read(lambda: after(read, cursor)))
            for read in (changes.read_changes, changes.read_steps)
        )

    def methods(self) -> dict[str, Callable[[Call, Any], Any]]:
        return {
            "WatchProducts": self.watch_products,
            "WatchOrders": self.watch_orders,
            "BatchCreateProducts": self.batch,
            "LivePriceUpdates": self.live,
        }

    async def watch_products(self, call: Call, request: pb.WatchProductsRequest) -> Messages:
        wanted = set(request.product_ids)
        if len(wanted) > WATCHED:
            raise Invalid("Watch fewer.", errors={"product_ids": [f"At most {WATCHED}."]})
        call.cursor = await self.door.run(call, begun, request, changes.find_newest_change)
        yield pb.WatchProductsResponse(cursor=call.cursor)
        async for rows in self.changes.after(call.cursor):
            for row in rows:
                if not wanted or row.product_id in wanted:
                    yield pb.WatchProductsResponse(cursor=row.seq, change=self.change(row))
                call.cursor = row.seq
        raise stopping()

    async def watch_orders(self, call: Call, request: pb.WatchOrdersRequest) -> Messages:
        who = await self.door.run(call, context)
        changes.filter_visible_steps(who, ())
        call.cursor = await self.door.run(call, begun, request, changes.find_newest_step)
        yield pb.WatchOrdersResponse(cursor=call.cursor)
        async for rows in self.steps.after(call.cursor):
            told = changes.filter_visible_steps(who, rows) and await self.door.run(call, mine, rows)
            for row in told:
                yield pb.WatchOrdersResponse(
                    cursor=row.seq,
                    order_id=row.order_id,
                    step=said(pb.OrderStep, row, self.ctx),
                    status=then(row),
                )
                call.cursor = row.seq
            call.cursor = rows[-1].seq
        raise stopping()

    def change(self, row: Row) -> pb.ProductChange:
        return said(pb.ProductChange, row, self.ctx)

    async def batch(self, call: Call, given: Messages) -> pb.BatchCreateProductsResponse:
        """All of it comes before any of it is done, so that nobody waits for a slow client."""
        await self.door.run(call, may, "create")
        items: list[pb.BatchCreateProductsRequest] = []
        try:
            async with asyncio.timeout(BATCH_SECONDS):
                async for raw in given:
                    items.append(parse(pb.BatchCreateProductsRequest, raw))
                    if len(items) > ITEMS:
                        raise Invalid(f"A batch has {ITEMS} products at most.")
        except TimeoutError:
            raise Late(f"A batch comes within {BATCH_SECONDS} seconds.") from None
        return await self.door.run(call, create, items)

    async def live(self, call: Call, given: Messages) -> Messages:
        """It ends when the client has said all, and has seen all that came of it."""
        call.cursor, goal = await self.door.run(call, entered), float("inf")
        yield pb.LivePriceUpdatesResponse(cursor=call.cursor)
        news = asyncio.Queue[Any](UNREAD)
        tasks = [asyncio.create_task(into(news, each)) for each in (self.hear(call, given), self.tell(call))]
        try:
            while call.cursor < goal:
                match await news.get():
                    case Exception() as error:
                        raise error
                    case int() as goal:
                        pass
                    case message:
                        if message.HasField("change") or message.HasField("answer"):
                            yield message
                        call.cursor = max(call.cursor, message.cursor)
        finally:
            for each in tasks:
                each.cancel()

    async def hear(self, call: Call, given: Messages) -> Messages:
        """An answer to each price, and at the end how far the feed has to be told."""
        index = 0
        async for raw in given:
            answer = pb.LivePriceUpdatesResponse.Answer(index=index)
            try:
                request = parse(pb.LivePriceUpdatesRequest, raw)
                about = f"Product/{request.product_id}"
                await self.door.count(call)
                made = await self.door.run(call, priced, request, about=about)
                answer.product.CopyFrom(made.product)
            except Refusal as refusal:
                if refusal.status.code == code.UNAUTHENTICATED:
                    raise
                answer.refusal.CopyFrom(refusal.status)
            yield pb.LivePriceUpdatesResponse(answer=answer)
            index += 1
        yield await self.door.read(lambda: changes.find_newest_change(anonymous()))

    async def tell(self, call: Call) -> Messages:
        async for rows in self.changes.after(call.cursor):
            for row in rows:
                change = self.change(row) if row.kind == CHANGED else None
                yield pb.LivePriceUpdatesResponse(cursor=row.seq, change=change)
        raise stopping()


async def into(news: asyncio.Queue[Any], source: Messages) -> None:
    """All that a source has, or what went wrong with it."""
    try:
        async for each in source:
            await news.put(each)
    except Exception as error:  # noqa: BLE001
        await news.put(error)


def stopping() -> Refusal:
    return Refusal(status(code.UNAVAILABLE, "This server is about to stop.", "STOPPING", retry(1)))


# ---- What a thread does for a stream


def begun(request: Any, newest: Callable[[Context], int]) -> int:
    """Where a stream begins: after what the caller knows, or now."""
    ctx = context()
    cursor = shaped(Search(only=("after",)), request, ctx.currency).get("after")
    return newest(ctx) if cursor is None else cursor


def after(read: Callable[[Context, int], Sequence[Row]], cursor: int) -> Sequence[Row]:
    try:
        return read(anonymous(), cursor)
    except NotFound as error:
        raise Invalid("Begin anew.", errors={"cursor": [error.detail]}) from None


def mine(rows: Sequence[Row]) -> Sequence[Row]:
    return changes.filter_visible_steps(context(), rows)


def then(row: Row) -> int:
    """What a step made of its order."""
    status = get_moves(Order)[row.move].target or PLACED
    return number(pb.OrderStatus.DESCRIPTOR, status)


def may(name: str) -> None:
    check_permission(context(), Product, name)


def entered() -> int:
    """Whoever may never send a price need not begin."""
    ctx = context()
    if barred := get_moves(Product)["update"].bar(ctx.roles()):
        raise barred
    return changes.find_newest_change(ctx)


def priced(request: pb.LivePriceUpdatesRequest) -> pb.UpdateProductResponse:
    words = pb.UpdateProductRequest(
        id=request.product_id, etag=request.etag, request_id=request.request_id,
        price=request.price if request.HasField("price") else None, update_mask={"paths": ["price"]},
    )  # fmt: skip
    return make("UpdateProduct", Product, get_moves(Product)["update"], words)


def create(items: list[pb.BatchCreateProductsRequest]) -> pb.BatchCreateProductsResponse:
    ctx = context()
    quota.count()
    quota.spend(len(items))
    products, flaws = [], []
    for index, item in enumerate(items):
        try:
            products.append(shaped(NewProduct(), item, ctx.currency))
        except Invalid as error:
            flaws.append({"index": index, "reason": imports.join_messages(error.facts["errors"])[:200]})
    if flaws:
        return pb.BatchCreateProductsResponse(failed_count=len(flaws), flaws=flaws)

    def act() -> pb.BatchCreateProductsResponse:
        good, _ = imports.import_products(ctx, enumerate(products), lambda *_: None)
        return pb.BatchCreateProductsResponse(created_count=good)

    return keyed(ctx, "BatchCreateProducts", items, act)
