"""The steps of orders as a stream of events: one's own, or all for staff."""

from functools import partial
from typing import Any

from marshmallow import Schema, fields

from shop.domain.order import find_status_after
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


def open_order_steps(search: dict[str, Any]) -> EventStream:
    """Open the stream of the steps that the caller may see, with the filters of the list."""
    ctx = get_context()
    select_visible_orders(ctx, search)  # refuses those who may not list these orders
    cursor = read_last_event_id()
    cursor = feed.find_newest_step(ctx) if cursor is None else cursor
    caller, filters = read_caller(), (search.get("status"), search.get("user_id"))
    choice = UrlScope.of_request(), caller, *filters
    key = (open_order_steps, choice[0], caller.key, *filters)
    return EventStream(key, cursor, partial(read_step_events, *choice), check=partial(identify_again, caller))


def read_step_events(
    scope: UrlScope, caller: Caller, status: str | None, user_id: int | None, cursor: int, shared: Shared
) -> News:
    """Return the steps after a cursor as events. The caller is identified again before any is sent."""
    scope.restore()
    ctx = build_anonymous_context()
    rows = read_once(shared, feed.read_steps, ctx, cursor)
    if not rows:
        return News(b"", cursor)
    found = [
        row
        for row in feed.filter_visible_steps(identify_again(caller, ctx), rows)
        if status in (None, find_status_after(row.move)) and user_id in (None, row.user_id)
    ]
    return News(write_events(StepEvent(many=True).dump(found), "status"), rows[-1].seq)
