"""The parts that all OpenAPI documents share: schemas of links and problems, headers, parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shop.hypermedia.error_lists import MAX_ERRORS
from shop.hypermedia.fingerprints import BARE_KEY
from shop.hypermedia.negotiation import PROBLEM

if TYPE_CHECKING:
    from shop.hypermedia.service import Service

Node = dict[str, Any]

TEXT_SCHEMA, URL_SCHEMA = {"type": "string"}, {"type": "string", "format": "uri-reference"}
LINK_OBJECT = {
    "type": "object",
    "required": ["href"],
    "properties": {"href": TEXT_SCHEMA, "templated": {"type": "boolean"}, "title": TEXT_SCHEMA},
}
ERROR_SCHEMA = {
    "type": "object",
    "required": ["detail", "pointer"],
    "properties": {
        "detail": {**TEXT_SCHEMA, "examples": ["The amount is out of range."]},
        "pointer": {**TEXT_SCHEMA, "examples": ["#/price"]},
    },
}
PROBLEM_MEMBERS = {
    "type": {**URL_SCHEMA, "examples": ["about:blank"]},
    "title": {**TEXT_SCHEMA, "examples": ["Not found"]},
    "status": {"type": "integer", "format": "int32", "minimum": 400, "maximum": 599},
    "detail": {**TEXT_SCHEMA, "examples": ["There is no such page."]},
    "instance": {**URL_SCHEMA, "examples": ["/api"]},
    "request_id": {**TEXT_SCHEMA, "examples": ["9f86d081884c7d65"]},
}
PROBLEM_EXTRAS = {
    "errors": {"type": "array", "maxItems": MAX_ERRORS + 1, "items": ERROR_SCHEMA},
    "violated-policies": {"type": "array", "maxItems": 2, "items": {**TEXT_SCHEMA, "examples": ["default"]}},
    "_etag": TEXT_SCHEMA,
    "_links": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Link"}},
}
COMMON_SCHEMAS = {"Link": LINK_OBJECT}
LIMIT_HEADERS = ("RateLimit", "RateLimit-Policy")  # not said while the store of the limits is down
# An answer without a body that is given again has no tag.
OPTIONAL_HEADERS = (*LIMIT_HEADERS, "Idempotency-Replayed", "ETag")
HEADERS = {
    name: {"description": text, "schema": schema, "required": name not in OPTIONAL_HEADERS}
    for name, text, schema in (
        ("Content-Location", "Where what was changed is found.", {"type": "string", "format": "uri"}),
        ("ETag", "The tag of this answer: what If-None-Match asks for.", TEXT_SCHEMA),
        ("Idempotency-Replayed", "true, where this answer was given before.", TEXT_SCHEMA),
        ("Location", "Where what was made is found.", {"type": "string", "format": "uri"}),
        ("RateLimit", "How many requests are left, and for how many seconds that holds.", TEXT_SCHEMA),
        ("RateLimit-Policy", "How many requests are allowed, and in how many seconds.", TEXT_SCHEMA),
        (
            "Retry-After",
            "Seconds after which it may work.",
            {"type": "integer", "format": "int32", "minimum": 1},
        ),
        ("WWW-Authenticate", "How to authenticate.", TEXT_SCHEMA),
        ("X-Request-ID", "The request id, which is also in the log.", TEXT_SCHEMA),
    )
}
STATUS_HEADERS = {
    "201": "Location",
    "304": "ETag",
    "401": "WWW-Authenticate",
    "429": "Retry-After",
    "503": "Retry-After",
}
# The headers that a client may send, by the name of the component. They have no `example`: Swagger UI would
# send it with every request, and a key or a tag that is not meant is refused.
PARAMETERS = {
    "IfMatch": (
        "If-Match",
        'The entity tags of the versions that are meant, such as `"7-3"`; others are 412.',
    ),
    "IfNoneMatch": ("If-None-Match", "The entity tags that the client has; for them the answer is 304."),
    "IdempotencyKey": (
        "Idempotency-Key",
        "A key of this request alone: sent again with it, the request gets the same answer for 24 hours.",
    ),
    "Prefer": ("Prefer", "`return=minimal` asks for no body, `wait=10` to wait for an answer (RFC 7240)."),
    "LastEventId": ("Last-Event-ID", "The id of the last event that the client has, to go on after it."),
    "TraceParent": ("traceparent", "The trace that the request belongs to (W3C Trace Context)."),
}
KEY_SCHEMA = {"type": "string", "pattern": f"^{BARE_KEY.pattern}$"}
# Members beside the input that a form sends hidden.
TAG_MEMBER = {
    "type": "string",
    "description": "The same as If-Match, for clients that send no headers.",
}
KEY_MEMBER = {
    **KEY_SCHEMA,
    "description": "The same as Idempotency-Key, for clients that send no headers.",
}


def build_parameter(component: str) -> Node:
    name, description = PARAMETERS[component]
    schema = KEY_SCHEMA if component == "IdempotencyKey" else TEXT_SCHEMA
    return {"in": "header", "name": name, "description": description, "schema": schema}


def build_reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def build_problem_schema(service: Service) -> Node:
    own = {name: schema for each in service.problem_types.values() for name, schema in each.schema.items()}
    return {
        "type": "object",
        "required": list(PROBLEM_MEMBERS),
        "properties": {**PROBLEM_MEMBERS, **PROBLEM_EXTRAS, **own},
    }


def build_problem_response(status: str, title: str) -> Node:
    content = {PROBLEM: {"schema": build_reference("schemas", "Problem")}}
    return {
        "description": title,
        "headers": reference_headers(STATUS_HEADERS.get(status, "")),
        "content": content,
    }


def reference_headers(*names: str) -> Node:
    return {
        each: build_reference("headers", each)
        for each in sorted({*names, *LIMIT_HEADERS, "X-Request-ID"})
        if each
    }
