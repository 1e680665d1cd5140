"""What holds for every operation of an OpenAPI document: who may, in which types, and what can go wrong."""

from typing import Any

from werkzeug.http import HTTP_STATUS_CODES

from shop.doors.media import JSON
from shop.doors.rest.media import FORM, HAL, HAL_FORMS, MERGE, PROBLEM
from shop.doors.rest.problems import STATUS
from shop.doors.rest.versions import V1, Version
from shop.model.moves import ANYONE, MEMBER, OWNER, STAFF
from shop.settings import Settings

Node = dict[str, Any]

TEXT, PLACE = {"type": "string"}, {"type": "string", "format": "uri-reference"}
LINK = {
    "type": "object",
    "required": ["href"],
    "properties": {"href": TEXT, "templated": {"type": "boolean"}, "title": TEXT},
}
FLAW = {"type": "object", "required": ["detail", "pointer"], "properties": {"detail": TEXT, "pointer": TEXT}}
SHORT = {
    "type": "object",
    "required": ["product_id", "quantity", "left"],
    "properties": {name: {"type": "integer"} for name in ("product_id", "quantity", "left")},
}
FACTS = {
    "type": PLACE,
    "title": TEXT,
    "status": {"type": "integer", "minimum": 400, "maximum": 599},
    "detail": TEXT,
    "instance": PLACE,
    "request_id": TEXT,
}
WAYS_OUT = {
    "errors": {"type": "array", "items": FLAW},
    "stock": {"type": "integer"},
    "lines": {"type": "array", "items": SHORT},
    "violated-policies": {"type": "array", "items": TEXT},
    "_etag": TEXT,
    "_links": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Link"}},
}
SCHEMAS = {
    "Link": LINK,
    "Problem": {"type": "object", "required": list(FACTS), "properties": {**FACTS, **WAYS_OUT}},
}
LIMITS = ("RateLimit", "RateLimit-Policy")  # not said while the store of the limits is down
SOMETIMES = (*LIMITS, "Idempotency-Replayed")
HEADERS = {
    name: {"description": text, "schema": schema, "required": name not in SOMETIMES}
    for name, text, schema in (
        ("Content-Location", "Where what was changed is found.", {"type": "string", "format": "uri"}),
        ("ETag", "The tag of this answer: what If-None-Match asks for.", TEXT),
        ("Idempotency-Replayed", "true, where this answer was given before.", TEXT),
        ("Location", "Where what was made is found.", {"type": "string", "format": "uri"}),
        ("RateLimit", "How many requests are left, and for how many seconds that holds.", TEXT),
        ("RateLimit-Policy", "How many requests are allowed, and in how many seconds.", TEXT),
        ("Retry-After", "After so many seconds it may work.", {"type": "integer", "minimum": 1}),
        ("WWW-Authenticate", "How to say who you are.", TEXT),
        ("X-Request-ID", "The number that the log knows this answer by.", TEXT),
    )
}
SAID = {
    "201": "Location",
    "304": "ETag",
    "401": "WWW-Authenticate",
    "429": "Retry-After",
    "503": "Retry-After",
}
TITLES = {**HTTP_STATUS_CODES, **dict(STATUS.values())}
WHO = {ANYONE: "anyone", MEMBER: "all who are logged in", OWNER: "the owner", STAFF: "staff"}
# Neither is declared as a parameter: a tool could only guess tags, and keys that come again, and be refused.
KEYED = " Under an Idempotency-Key, or a member `_idempotency_key`, it is safe to send again for 24 hours."
TAGGED = " If-Match, or the member `_etag`, says which version is meant."
PUT_BACK = " What can only be read may be sent back; it is ignored."
ANYWHERE = {"400", "401", "406", "429", "500", "503"}
# Nothing of a product is unique, and no state of it forbids a change.
CALM = ("products_create", "products_update", "products_patch", "tokens_login", "tokens_refresh")
NEVER_KEPT = ("tokens_login", "tokens_refresh")


def ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def complete(
    operation: Node, method: str, one: bool, version: Version, settings: Settings, parts: Node
) -> None:
    """Say of an operation, on `one` thing or on many, what its view has not said."""
    who, answers, changes = operation.pop("x-for"), operation["responses"], one and method != "get"
    operation["summary"] = operation["summary"].rstrip(".")
    operation["description"] = f"For {' and '.join(WHO[role] for role in who)}." + TAGGED * changes
    keyed = method == "post" and operation["operationId"] not in NEVER_KEPT
    operation["description"] += KEYED * keyed
    if body := operation.get("requestBody"):
        operation["description"] += PUT_BACK * (method in ("put", "patch"))
        shape, merge = body["content"][JSON], [MERGE] * (method == "patch")
        body["content"] = dict.fromkeys((JSON, HAL, HAL_FORMS, *merge), shape)
        if flat(shape, parts):
            body["content"][FORM] = form(shape, settings, parts)
    if method == "get":
        answers["304"] = {"description": TITLES[304]}
    elif "200" in answers and operation["operationId"] not in NEVER_KEPT:
        answers["204"] = {"description": "Done, for those who ask for no more (Prefer: return=minimal)"}
    for status, answer in answers.items():
        if "content" in answer:
            answer["content"] = dict.fromkeys((HAL, HAL_FORMS, JSON, version.media), answer["content"][JSON])
        found = "ETag" if method == "get" else "Content-Location" if one and status == "200" else ""
        answer["headers"] = headers(SAID.get(status, found), *["Idempotency-Replayed"] * keyed)
    found = refusals(operation, changes, one, who, settings) | ({"422"} if keyed else set())
    for status in found - ({"406"} if method == "delete" else set()):
        answers[status] = ref("responses", f"Problem{status}")
        parts["responses"][f"Problem{status}"] = refused(status)
    operation["responses"] = dict(sorted(answers.items()))


def flat(shape: Node, parts: Node) -> bool:
    """Whether a form can say it: a form has no lists."""
    name = shape["schema"]["$ref"].rpartition("/")[2]
    return all(member.get("type") != "array" for member in parts["schemas"][name]["properties"].values())


def form(shape: Node, settings: Settings, parts: Node) -> Node:
    """A form says text and numbers; so money is a number there, in every version."""
    name = shape["schema"]["$ref"].rpartition("/")[2]
    members = parts["schemas"][name]["properties"]
    money = [member for member, schema in members.items() if "amount" in schema.get("properties", ())]
    if not money:
        return shape
    flat = members | dict.fromkeys(money, V1.schema(settings.currency))
    parts["schemas"][f"{name}Form"] = {**parts["schemas"][name], "properties": flat}
    return {"schema": ref("schemas", f"{name}Form")}


def refusals(operation: Node, changes: bool, one: bool, who: list[str], settings: Settings) -> set[str]:
    """The problems that an operation may answer with."""
    name, body = operation["operationId"], "requestBody" in operation
    possible = {
        "403": who == [STAFF] or name in ("tokens_login", "orders_browse"),
        "404": one or any(each["name"] in ("page", "after") for each in operation.get("parameters", ())),
        "409": body and name not in CALM,
        "410": name == "changes_browse",
        "412": changes,
        "413": body,
        "415": body,
        "428": changes and settings.require_if_match,
    }
    return ANYWHERE | {status for status, can in possible.items() if can}


def refused(status: str) -> Node:
    content = {PROBLEM: {"schema": ref("schemas", "Problem")}}
    return {
        "description": TITLES[int(status)], "headers": headers(SAID.get(status, "")), "content": content
    }  # fmt: skip


def headers(*names: str) -> Node:
    return {each: ref("headers", each) for each in sorted({*names, *LIMITS, "X-Request-ID"}) if each}
