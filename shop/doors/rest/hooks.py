"""The hooks, and the deliveries of events to them."""

from marshmallow import fields

from shop.domain.hook import DELIVERY_STATES, EVENTS, HOOK_STATES, PING, Delivery, Hook
from shop.hypermedia.links import Links
from shop.hypermedia.representations import Representation
from shop.hypermedia.resources import ChildList, Resource
from shop.hypermedia.serializers import CHANGED, CREATED, RenderContext, Time, describe
from shop.model.moves import MEMBER, OWNER
from shop.services.hooks import (
    NEWEST_FIRST,
    DeliverySearch,
    add_hook,
    check_receiver,
    list_deliveries_of_hook,
    ping_receiver,
    select_deliveries,
)


class HookRepresentation(Representation):
    url = fields.String(
        metadata=describe(
            "Where events are sent.", title="URL", means="url", example="https://receiver.example/events"
        )
    )
    events = fields.List(
        fields.String(metadata={"enum": list(EVENTS)}),
        metadata={"maxItems": len(EVENTS), **describe("Which events; * is all that you may see.")},
    )
    description = fields.String(
        metadata=describe("What it is for.", optional=True, means="description", example="The warehouse")
    )
    status = fields.String(metadata={"enum": list(HOOK_STATES), **describe("enabled or disabled.")})
    disabled_because = fields.String(
        metadata=describe(
            "Why it is disabled.", optional=True, title="Disabled because", example="Its owner disabled it."
        )
    )
    failing_since = Time(
        metadata=describe(
            "Since when all attempts have failed, in UTC.", optional=True, title="Failing since"
        )
    )
    secret = fields.String(
        metadata=describe(
            "What its messages are signed with; shown when it is made.",
            optional=True,
            example="whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        ),
    )
    created_at = Time(metadata=CREATED)
    updated_at = Time(metadata=CHANGED)


class DeliveryRepresentation(Representation):
    rels = {"hook": "Whose receiver it is for."}

    message_id = fields.String(
        metadata=describe("The webhook-id of every attempt.", title="Message", example="order_steps_42")
    )
    event = fields.String(metadata={"enum": [*EVENTS[1:], PING], **describe("What happened.")})
    happened_at = Time(metadata=describe("When it happened, in UTC.", title="Happened"))
    status = fields.String(
        metadata={"enum": list(DELIVERY_STATES), **describe("waiting, delivered or failed.")}
    )
    attempts = fields.Integer(metadata=describe("How many there were.", example=1))
    last_attempt_at = Time(
        metadata=describe("When the last one was, in UTC.", optional=True, title="Last attempt")
    )
    next_attempt_at = Time(
        metadata=describe("When the next one is due, in UTC.", optional=True, title="Next attempt")
    )
    response_status = fields.Integer(
        metadata=describe("What the receiver answered last.", optional=True, title="Answer", example=204)
    )
    error = fields.String(
        metadata=describe("Why there was no answer.", optional=True, example="It did not answer in time.")
    )
    duration_ms = fields.Integer(
        metadata=describe("How long the last attempt took, in milliseconds.", optional=True, title="Took")
    )
    created_at = Time(metadata=CREATED)

    def extra_links(self, entity: Delivery, frame: RenderContext) -> Links:
        return {"hook": {"href": f"{frame.base}/hooks/{entity.hook_id}"}}


deliveries_of_hook = ChildList(
    Delivery,
    of=Hook,
    rel="deliveries",
    description="What was sent to this hook, newest first.",
    list_page=list_deliveries_of_hook,
    search=DeliverySearch,
    listed_for=frozenset({OWNER}),
)
hooks = Resource(
    Hook,
    path="/hooks",
    description="Receivers that are told of events: your own.",
    representation=HookRepresentation,
    listed_for=frozenset({MEMBER}),
    shown_for=frozenset({OWNER}),
    checks={"subscribe": check_receiver, "update": check_receiver},
    services={"subscribe": add_hook, "ping": ping_receiver},
    results={"ping": Delivery},
    verbs={
        "subscribe": "create",
        "enable": "enable",
        "disable": "disable",
        "rotate": "rotateSecretOf",
        "ping": "ping",
    },
)
deliveries = Resource(
    Delivery,
    path="/deliveries",
    description="What was sent to the hooks of the caller, newest first.",
    representation=DeliveryRepresentation,
    search=DeliverySearch,
    select=select_deliveries,
    order=NEWEST_FIRST,
    listed_for=frozenset({MEMBER}),
    shown_for=frozenset({OWNER}),
    child_lists=(deliveries_of_hook,),
)
