"""The feed of changes: read by cursor, each once and in order, or waited for."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Response, after_this_request, request
from marshmallow import Schema, fields

from shop.domain.change import CHANGE_KINDS
from shop.hypermedia.blueprint import Blueprint
from shop.hypermedia.callers import build_anonymous_context, get_context, name_caller
from shop.hypermedia.event_streams import (
    EventStream,
    News,
    Shared,
    UrlScope,
    read_last_event_id,
    read_once,
    write_events,
)
from shop.hypermedia.links import Links, build_profile_link
from shop.hypermedia.representations import LINK_SCHEMA, LinkedSchema
from shop.hypermedia.responses import parse_preferences
from shop.hypermedia.serializers import Price, RenderContext, Time, describe
from shop.hypermedia.url_scope import build_url
from shop.hypermedia.waiting_places import Place
from shop.model.fields import StrictInteger
from shop.model.moves import ANYONE
from shop.runtime import get_runtime
from shop.services import changes as feed
from shop.services.products import find_sold_ids
from shop.storage.transactions import Context

EMBEDDED_CHANGES = 20
MAX_WAIT = 25  # seconds of a wait, so that no proxy between gives up before

changes = Blueprint("changes", __name__, description="What changed in the catalogue.")


class ChangeSearch(feed.ChangeSearch):
    wait = StrictInteger(
        0,
        MAX_WAIT,
        metadata={"description": "Seconds to wait where there is nothing new.", "examples": [20]},
    )


class ChangeRepresentation(Schema):
    seq = fields.Integer(
        metadata=describe("The number of the change, and the cursor to go on from.", example=42)
    )
    kind = fields.String(metadata={"enum": CHANGE_KINDS, **describe("created, changed, stocked or retired.")})
    product_id = fields.Integer(
        metadata=describe("The number of the product.", title="Product", means="identifier")
    )
    price = Price(metadata=describe("The price after the change, exact.", means="price"))
    stock = fields.Integer(metadata=describe("How many there were after the change."))
    at = Time(metadata=describe("When, in UTC.", title="When"))
    _links = fields.Method("links", metadata={"type": "object", "properties": {"product": LINK_SCHEMA}})

    def links(self, change: dict[str, Any]) -> Links:
        """Return a link to the product, while it is sold."""
        return {"product": {"href": build_url(f"/products/{change['product_id']}")}} if change["sold"] else {}


class ChangesRepresentation(Schema):
    item = fields.List(fields.Nested(ChangeRepresentation), metadata={"maxItems": feed.MAX_CHANGES})


@dataclass(frozen=True)
class ChangePage:
    """The changes after a cursor."""

    after: int
    asked: dict[str, int]
    items: list[dict[str, Any]]
    last: int  # the cursor to go on from

    @property
    def embedded(self) -> dict[str, Any]:
        return {"item": self.items}


class FeedRepresentation(LinkedSchema):
    rels = {
        "self": "What came after this cursor.",
        "next": "What comes after the last of these; always there, and the place to go on from another day.",
        "search": "A URI template (RFC 6570): where to go on, how many at most, how many seconds to wait.",
        "product": "What changed, while it is sold.",
    }

    _embedded = fields.Nested(ChangesRepresentation, attribute="embedded")

    def links(self, obj: ChangePage, frame: RenderContext) -> Links:
        return {
            "self": {"href": build_url("/changes", **obj.asked | {"after": obj.after})},
            "next": {"href": build_url("/changes", **obj.asked | {"after": obj.last})},
            "search": build_changes_link(),
            "profile": build_profile_link("changes"),
        }


def build_changes_link() -> dict[str, Any]:
    return {"href": f"{build_url('/changes')}{{?{','.join(ChangeSearch().fields)}}}", "templated": True}


def open_changes(search: dict[str, Any]) -> EventStream:
    """Open the stream of changes after the last event of the client, or after a cursor, or of now."""
    cursor = read_last_event_id()
    cursor = search.get("after") if cursor is None else cursor
    cursor = feed.find_newest_change(get_context()) if cursor is None else cursor
    choice = UrlScope.of_request(), search.get("product_id")
    return EventStream((open_changes, *choice), cursor, partial(read_change_events, *choice))


def read_change_events(scope: UrlScope, product_id: int | None, cursor: int, shared: Shared) -> News:
    """Return the changes after a cursor as events; each is written as in the list."""
    scope.restore()
    ctx = build_anonymous_context()
    rows = read_once(shared, feed.read_changes, ctx, cursor)
    found, last = feed.select_changes_of(rows, product_id, feed.MAX_CHANGES)
    items = ChangeRepresentation(many=True).dump(build_items(ctx, found))
    return News(write_events(items, "kind"), cursor if last is None else last)


@changes.route("")
@changes.needs(ANYONE)
@changes.arguments(ChangeSearch, location="query")
@changes.streams(open_changes)
@changes.gives(200, FeedRepresentation)
@changes.may_fail(404, 410)
def browse(search: dict[str, Any]) -> ChangePage:
    """Read what changed, or wait for what will."""
    return find_page(get_context(), search)


def find_page(ctx: Context, search: dict[str, Any]) -> ChangePage:
    after, limit, product_id = search.get("after"), search["limit"], search.get("product_id")
    after = feed.find_newest_change(ctx) if after is None else after
    count = limit if product_id is None else feed.MAX_CHANGES
    rows = feed.read_changes(ctx, after, count) or wait_for_rows(
        after, count, search.get("wait", read_wait_preference())
    )
    found, last = feed.select_changes_of(rows, product_id, limit)
    return ChangePage(after, search, build_items(ctx, found), after if last is None else last)


def build_items(ctx: Context, rows: Sequence[Any]) -> list[dict[str, Any]]:
    there = find_sold_ids(ctx, {row.product_id for row in rows})
    return [{**row._mapping, "sold": row.product_id in there} for row in rows]


def find_changes_of_product(ctx: Context, product: Any) -> ChangePage:
    """Return the last changes of a product; the page links to those that will come."""
    rows, last = feed.read_newest_changes(ctx, product.id, EMBEDDED_CHANGES)
    after = rows[0].seq - 1 if rows else last
    asked = {"limit": EMBEDDED_CHANGES, "product_id": product.id}
    return ChangePage(after, asked, build_items(ctx, rows), last)


def read_wait_preference() -> int:
    """How long the client would like to wait (RFC 7240)."""
    said = next((word.removeprefix("wait=") for word in parse_preferences() if word.startswith("wait=")), "")
    if not re.fullmatch(r"\d{1,6}", said, re.ASCII):
        return 0
    seconds = min(MAX_WAIT, int(said))
    add_header("Preference-Applied", f"wait={seconds}")
    return seconds


def wait_for_rows(after: int, limit: int, seconds: int) -> Any:
    """What comes while one waits. Half of the threads may wait, so that the others can answer."""
    if not seconds:
        return []
    with get_runtime().waiting_places.take(name_caller()) as place:
        if place is None:
            add_header("Retry-After", "1")
            return []
        watcher = get_runtime().change_listener
        return feed.wait_for_changes(
            get_context(), watcher, after, limit, seconds, build_presence_check(place)
        )


def add_header(name: str, word: str) -> None:
    @after_this_request
    def add(response: Response) -> Response:
        response.headers[name] = word
        return response


def build_presence_check(place: Place) -> Callable[[], bool]:
    """Whether to go on waiting: the client listens, no other needs the place, the server goes on."""
    gone = request.environ.get("waitress.client_disconnected", bool)
    draining = get_runtime().stopping
    return lambda: not (place.is_recalled or gone() or draining.is_set())
