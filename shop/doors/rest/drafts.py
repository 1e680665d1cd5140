"""The drafts: orders of several products before they are placed."""

from typing import Any

from marshmallow import fields

from shop.domain.draft import Draft
from shop.domain.order import MAX_LINES, Order
from shop.doors.rest.orders import ItemRepresentation
from shop.hypermedia.links import Node
from shop.hypermedia.representations import Representation
from shop.hypermedia.resources import Resource
from shop.hypermedia.serializers import CREATED, Price, RenderContext, Time, describe
from shop.model.money import MAX_TOTAL
from shop.model.moves import MEMBER, OWNER
from shop.services.drafts import place_draft, start_draft


class DraftRepresentation(Representation):
    total = Price(
        maximum=MAX_TOTAL, metadata=describe("What all items cost together now, exact.", means="price")
    )
    items = fields.List(
        fields.Nested(ItemRepresentation),
        metadata={"maxItems": MAX_LINES, **describe("What will be ordered, with the prices of now.")},
    )
    created_at = Time(metadata=CREATED)
    expires_at = Time(
        metadata=describe("When it is forgotten, if nothing changes, in UTC.", title="Kept until")
    )

    def templates(self, entity: Draft, frame: RenderContext) -> dict[str, Node]:
        """Return the forms; products are chosen from the catalogue, or from those in the draft."""
        forms = super().templates(entity, frame)
        items = [{"prompt": item.name, "value": str(item.product_id)} for item in entity.items]
        choices = {"add": build_catalogue_options(frame), "remove": {"inline": items, "maxItems": 1}}
        for name, options in choices.items():
            if name in forms:
                forms[name]["properties"][0] |= {"options": options}
        return forms


def build_catalogue_options(frame: RenderContext) -> dict[str, Any]:
    link = {"href": f"{frame.base}/products", "type": "application/hal+json"}
    return {"link": link, "promptField": "name", "valueField": "id", "maxItems": 1}


drafts = Resource(
    Draft,
    path="/drafts",
    description="Orders of several products before they are placed.",
    representation=DraftRepresentation,
    listed_for=frozenset({MEMBER}),
    shown_for=frozenset({OWNER}),
    services={"draft": start_draft, "place": place_draft},
    results={"place": Order},
    verbs={"draft": "start", "add": "addTo", "remove": "removeFrom", "place": "place"},
)
