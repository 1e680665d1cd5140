"""Subscriptions: each new row of a feed is executed as an event.

One thread of the process executes the events of all subscriptions, so an event may cost less than a query.
Subscriptions that are equal, and have the same caller, share their results.
"""

from collections.abc import Callable, Hashable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Response
from graphql import Executor, FieldNode, GraphQLError, SelectionSetNode
from graphql import GraphQLResolveInfo as Info
from graphql.execution.values import get_argument_values

from shop.domain.order import Order, find_status_after
from shop.domain.user import User
from shop.doors.graphql import errors
from shop.doors.graphql.changes import parse_change_cursor
from shop.doors.graphql.conversions import load_input
from shop.doors.graphql.dataloader import GraphQLContext
from shop.doors.graphql.errors import RequestError, build_result, serialize_error
from shop.doors.graphql.resolvers import Resolver, build_id
from shop.doors.graphql.responses import COMPLETE_EVENT, write_next_event
from shop.doors.operations import read_feed
from shop.doors.resources import find_resource
from shop.hypermedia.callers import (
    Caller,
    build_anonymous_context,
    get_context,
    identify_again,
    read_caller,
)
from shop.hypermedia.event_streams import (
    EventStream,
    News,
    Shared,
    begin_stream,
    read_last_event_id,
    read_once,
)
from shop.hypermedia.request import request_state
from shop.model.errors import DomainError, Unavailable
from shop.services import changes as feeds
from shop.services.changes import ChangeRow, ChangeSearch
from shop.services.orders import select_visible_orders
from shop.storage.database import translate_error
from shop.storage.transactions import Context

MAX_EVENTS = 50  # of one subscription, before others have their turn
MAX_LENGTH = 2000  # characters of a document, and of the variables; each subscription keeps its own

Rows = Sequence[ChangeRow]


@dataclass(frozen=True)
class Feed:
    """A feed, and the function that selects the rows that a subscription asks for."""

    find_newest: Callable[[Context], int]
    read: Callable[[Context, int], Rows]
    select: Callable[[Context, Rows], Rows]


def choose_changes(context: GraphQLContext, search: dict[str, Any]) -> Feed:
    product_id = load_input(ChangeSearch(only=("product_id",)), search, context.currency).get("product_id")

    def select(_: Context, rows: Rows) -> Rows:
        return [row for row in rows if product_id in (None, row.product_id)]

    return Feed(feeds.find_newest_change, feeds.read_changes, select)


def choose_order_steps(context: GraphQLContext, search: dict[str, Any]) -> Feed:
    filters = load_input(find_resource(Order).search(only=("status", "user_id")), search, context.currency)
    select_visible_orders(context.ctx, filters)  # refuses those who may not list these orders
    status, user_id = filters.get("status"), filters.get("user_id")

    def select(ctx: Context, rows: Rows) -> Rows:
        return [
            row
            for row in feeds.filter_visible_steps(ctx, rows)
            if status in (None, find_status_after(row.move)) and user_id in (None, row.user_id)
        ]

    return Feed(feeds.find_newest_step, feeds.read_steps, select)


FEEDS = {"changes": choose_changes, "orderSteps": choose_order_steps}


@dataclass(frozen=True)
class Subscription:
    """What each event is executed with, after its request has ended."""

    executor: Executor
    caller: Caller | None
    request_id: str

    def identify(self, ctx: Context) -> Context:
        return identify_again(self.caller, ctx) if self.caller else ctx

    def check_login(self) -> None:
        self.identify(build_anonymous_context())

    def read_results(self, feed: Feed, cursor: int, shared: Shared) -> News:
        """Return the results for the rows after a cursor. The caller is identified again before each."""
        request_state().ids["request_id"] = self.request_id  # an internal error quotes it
        ctx = build_anonymous_context()
        rows = read_feed(ctx, partial(read_once, shared, feed.read), cursor)
        if not rows:
            return News(b"", cursor)
        selected = feed.select(self.identify(ctx), rows)
        events = self.execute_events(ctx, selected[:MAX_EVENTS])
        return News(events, (selected[MAX_EVENTS - 1] if len(selected) > MAX_EVENTS else rows[-1]).seq)

    def execute_events(self, ctx: Context, rows: Rows) -> bytes:
        executor = copy(self.executor)
        executor.context_value = GraphQLContext(ctx, {})
        executor.context_value.announce_rows(rows)
        results = ((row.seq, execute_event(executor, row)) for row in rows)
        return b"".join(write_next_event(body, seq) for seq, body in results)


def execute_event(executor: Executor, row: ChangeRow) -> dict[str, Any]:
    """Return the result for a row; raise Unavailable in an outage, so that the event comes after it."""
    result = executor.build_per_event_executor(row).execute_operation()
    for error in result.errors or ():
        cause = error.original_error
        cause = (cause and translate_error(cause)) or cause
        if isinstance(cause, Unavailable):
            raise cause
    return build_result(result)


def begin_subscription(executor: Executor, query: str) -> Response:
    """Answer with the stream of a subscription."""
    key = build_key(executor, query)
    node = find_root_field(executor, executor.operation.selection_set)
    args = read_arguments(executor, node)
    context = GraphQLContext(get_context(), {})
    after = args.pop("after", None)
    feed = FEEDS[node.name.value](context, {name: value for name, value in args.items() if value is not None})
    cursor = read_last_event_id()
    if cursor is None:
        cursor = feed.find_newest(context.ctx) if after is None else parse_change_cursor(after)
    caller = read_caller()
    subscription = Subscription(executor, caller, request_state().ids["request_id"])
    stream = EventStream(
        (begin_subscription, key, caller and caller.key),
        cursor,
        partial(subscription.read_results, feed),
        subscription.check_login,
        write_end,
    )
    return begin_stream(stream)


def build_key(executor: Executor, query: str) -> Hashable:
    """Return what two subscriptions must have in common to be equal."""
    operation_name = executor.operation.name and executor.operation.name.value
    variables = repr(sorted(executor.variable_values.coerced.items()))
    if max(len(query), len(variables)) > MAX_LENGTH:
        message = f"A subscription has {MAX_LENGTH} characters at most, and so have its variables."
        raise RequestError(errors.VALIDATION_FAILED, message)
    return query, operation_name, variables


def find_root_field(executor: Executor, selected: SelectionSetNode) -> FieldNode:
    """Return the field of a subscription; validation has made sure that there is one."""
    node = selected.selections[0]
    if isinstance(node, FieldNode):
        return node
    fragment = getattr(node, "name", None)
    inner = executor.fragments[fragment.value].definition if fragment else node
    return find_root_field(executor, inner.selection_set)


def read_arguments(executor: Executor, node: FieldNode) -> dict[str, Any]:
    definition = executor.schema.subscription_type.fields[node.name.value]
    try:
        return get_argument_values(definition, node, executor.variable_values)
    except GraphQLError as error:
        raise RequestError(errors.BAD_INPUT, error) from None


def write_end(error: DomainError) -> bytes:
    """Write why a stream ends, so that its client does not connect again."""
    body = {"errors": [serialize_error(GraphQLError("", original_error=error))]}
    return write_next_event(body) + COMPLETE_EVENT


def resolve_event(row: ChangeRow, _: Info, **__: Any) -> ChangeRow:
    return row


SUBSCRIPTION_RESOLVERS: dict[str, Resolver] = {
    **{f"Subscription.{name}": resolve_event for name in FEEDS},
    "OrderStepEvent.status": lambda step, _: find_status_after(step.move),
    "OrderStepEvent.by": lambda step, _: build_id(User, step.by),
}
