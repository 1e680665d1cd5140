"""What every operation of an OpenAPI document has: callers, media types, headers and problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug.http import HTTP_STATUS_CODES

from shop.hypermedia.negotiation import FORM, HAL, HAL_FORMS, JSON, MERGE, PROBLEM
from shop.hypermedia.settings import ServiceSettings
from shop.hypermedia.versions import build_number_schema
from shop.model.moves import ANYONE, MEMBER, OWNER

if TYPE_CHECKING:
    from shop.hypermedia.openapi import Api
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
    "properties": {"detail": TEXT_SCHEMA, "pointer": TEXT_SCHEMA},
}
PROBLEM_MEMBERS = {
    "type": URL_SCHEMA,
    "title": TEXT_SCHEMA,
    "status": {"type": "integer", "minimum": 400, "maximum": 599},
    "detail": TEXT_SCHEMA,
    "instance": URL_SCHEMA,
    "request_id": TEXT_SCHEMA,
}
PROBLEM_EXTRAS = {
    "errors": {"type": "array", "items": ERROR_SCHEMA},
    "violated-policies": {"type": "array", "items": TEXT_SCHEMA},
    "_etag": TEXT_SCHEMA,
    "_links": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Link"}},
}
COMMON_SCHEMAS = {"Link": LINK_OBJECT}
LIMIT_HEADERS = ("RateLimit", "RateLimit-Policy")  # not said while the store of the limits is down
OPTIONAL_HEADERS = (*LIMIT_HEADERS, "Idempotency-Replayed")
HEADERS = {
    name: {"description": text, "schema": schema, "required": name not in OPTIONAL_HEADERS}
    for name, text, schema in (
        ("Content-Location", "Where what was changed is found.", {"type": "string", "format": "uri"}),
        ("ETag", "The tag of this answer: what If-None-Match asks for.", TEXT_SCHEMA),
        ("Idempotency-Replayed", "true, where this answer was given before.", TEXT_SCHEMA),
        ("Location", "Where what was made is found.", {"type": "string", "format": "uri"}),
        ("RateLimit", "How many requests are left, and for how many seconds that holds.", TEXT_SCHEMA),
        ("RateLimit-Policy", "How many requests are allowed, and in how many seconds.", TEXT_SCHEMA),
        ("Retry-After", "Seconds after which it may work.", {"type": "integer", "minimum": 1}),
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
ROLE_NAMES = {ANYONE: "anyone", MEMBER: "all who are logged in", OWNER: "the owner"}
# Neither is declared as a parameter: a tool could only guess tags, and keys that come again, and be refused.
IDEMPOTENCY_TEXT = (
    " Under an Idempotency-Key, or a member `_idempotency_key`, it is safe to send again for 24 hours."
)
PRECONDITION_TEXT = " If-Match, or the member `_etag`, says which version is meant."
READ_ONLY_TEXT = " What can only be read may be sent back; it is ignored."
COMMON_PROBLEMS = {"400", "401", "406", "429", "500", "503"}


def build_reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def build_problem_schema(service: Service) -> Node:
    own = {name: schema for each in service.problem_types.values() for name, schema in each.schema.items()}
    return {
        "type": "object",
        "required": list(PROBLEM_MEMBERS),
        "properties": {**PROBLEM_MEMBERS, **PROBLEM_EXTRAS, **own},
    }


def complete_operation(operation: Node, method: str, one: bool, api: Api, parts: Node) -> None:
    """Add to an operation, on `one` entity or on a list, what its view does not declare."""
    who, answers, changes = operation.pop("x-for"), operation["responses"], one and method != "get"
    declared, is_move = operation.pop("x-problems", []), not operation.pop("x-without-key", False)
    operation["summary"] = operation["summary"].rstrip(".")
    names = (ROLE_NAMES.get(role, role) for role in who)
    operation["description"] = f"For {' and '.join(names)}." + PRECONDITION_TEXT * changes
    keyed = method == "post" and is_move
    operation["description"] += IDEMPOTENCY_TEXT * keyed
    if body := operation.get("requestBody"):
        operation["description"] += READ_ONLY_TEXT * (method in ("put", "patch"))
        shape, merge = body["content"][JSON], [MERGE] * (method == "patch")
        body["content"] = dict.fromkeys((JSON, HAL, HAL_FORMS, *merge), shape)
        if is_flat(shape, parts):
            body["content"][FORM] = build_form_body(shape, api.settings, parts)
    if method == "get":
        answers["304"] = {"description": HTTP_STATUS_CODES[304]}
    elif "200" in answers and is_move:
        answers["204"] = {"description": "Done, for those who ask for no more (Prefer: return=minimal)"}
    media_types = (HAL, HAL_FORMS, JSON, api.service.get_vendor_type(api.version))
    for status, answer in answers.items():
        if "content" in answer:
            answer["content"] = dict.fromkeys(media_types, answer["content"][JSON])
        header = "ETag" if method == "get" else "Content-Location" if one and status == "200" else ""
        replayed = ["Idempotency-Replayed"] * keyed
        answer["headers"] = reference_headers(STATUS_HEADERS.get(status, header), *replayed)
    problems = list_problems(operation, changes, one, who, is_move, api.settings) | (
        {"422"} if keyed else set()
    )
    titles = {problem.status: problem.title for problem in api.service.problem_types.values()}
    for status in problems.union(declared) - ({"406"} if method == "delete" else set()):
        answers[status] = build_reference("responses", f"Problem{status}")
        parts["responses"][f"Problem{status}"] = build_problem_response(
            status, titles.get(int(status)) or HTTP_STATUS_CODES[int(status)]
        )
    operation["responses"] = dict(sorted(answers.items()))


def is_flat(shape: Node, parts: Node) -> bool:
    """Whether a form can say it: a form has no lists."""
    name = shape["schema"]["$ref"].rpartition("/")[2]
    return all(member.get("type") != "array" for member in parts["schemas"][name]["properties"].values())


def build_form_body(shape: Node, settings: ServiceSettings, parts: Node) -> Node:
    """Return the schema of a form body; money is a number there, in every version."""
    name = shape["schema"]["$ref"].rpartition("/")[2]
    members = parts["schemas"][name]["properties"]
    money = [member for member, schema in members.items() if "amount" in schema.get("properties", ())]
    if not money:
        return shape
    flat = members | dict.fromkeys(money, build_number_schema(settings.currency))
    parts["schemas"][f"{name}Form"] = {**parts["schemas"][name], "properties": flat}
    return {"schema": build_reference("schemas", f"{name}Form")}


def list_problems(
    operation: Node, changes: bool, one: bool, who: list[str], is_move: bool, settings: ServiceSettings
) -> set[str]:
    """Return the problems that follow from the route, its callers and its input."""
    body, names = "requestBody" in operation, [each["name"] for each in operation.get("parameters", ())]
    possible = {
        "403": not {ANYONE, MEMBER, OWNER} & set(who),
        "404": one or "page" in names,
        "409": body and is_move,
        "412": changes,
        "413": body,
        "415": body,
        "428": changes and settings.require_if_match,
    }
    return COMMON_PROBLEMS | {status for status, can in possible.items() if can}


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
