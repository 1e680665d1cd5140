"""The steps of orders as a stream of events: one's own, or all for staff; or those of one order."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from marshmallow import Schema, fields

from shop.domain.order import Order, find_status_after
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
    UrlScope,
    read_last_event_id,
    read_once,
    write_events,
)
from shop.hypermedia.links import Links
from shop.hypermedia.serializers import Time
from shop.hypermedia.url_scope import build_url
from shop.services import changes as feed
from shop.services.orders import select_visible_orders
from shop.storage.execution import find_entity


class StepEvent(Schema):
    seq = fields.Integer()
    order_id = fields.Integer()
    move = fields.String()
    status = fields.Function(lambda step: find_status_after(step.move))
    by = fields.Integer()
    at = Time()
    _links = fields.Method("links")

    def links(self, step: feed.ChangeRow) -> Links:
        return {"order": {"href": build_url(f"/orders/{step.order_id}")}}


@dataclass(frozen=True)
class StepFilters:
    """Which of the visible steps a stream has; None means all."""

    status: str | None = None
    user_id: int | None = None
    order_id: int | None = None

    def match(self, step: feed.ChangeRow) -> bool:
        facts = find_status_after(step.move), step.user_id, step.order_id
        wanted = self.status, self.user_id, self.order_id
        return all(want in (None, fact) for want, fact in zip(wanted, facts, strict=True))


def open_order_steps(search: dict[str, Any]) -> EventStream:
    """Open the stream of the steps that the caller may see, with the filters of the list."""
    select_visible_orders(get_context(), search)  # refuses those who may not list these orders
    return open_steps(StepFilters(search.get("status"), search.get("user_id")))


def open_steps_of_order(id: int) -> EventStream:
    find_entity(get_context(), Order, id)  # raises NotFound where the caller may not see it
    return open_steps(StepFilters(order_id=id))


def open_steps(filters: StepFilters) -> EventStream:
    cursor = read_last_event_id()
    cursor = feed.find_newest_step(get_context()) if cursor is None else cursor
    caller, scope = read_caller(), UrlScope.of_request()
    key = open_steps, scope, caller.key, filters
    return EventStream(
        key, cursor, partial(read_step_events, scope, caller, filters), check=partial(identify_again, caller)
    )


def read_step_events(
    scope: UrlScope, caller: Caller, filters: StepFilters, cursor: int, shared: Shared
) -> News:
    """Return the steps after a cursor as events. The caller is identified again before any is sent."""
    scope.restore()
    ctx = build_anonymous_context()
    rows = read_once(shared, feed.read_steps, ctx, cursor)
    if not rows:
        return News(b"", cursor)
    found = filter(filters.match, feed.filter_visible_steps(identify_again(caller, ctx), rows))
    return News(write_events(StepEvent(many=True).dump(found), "status"), rows[-1].seq)
