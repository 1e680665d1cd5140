"""What every operation of an OpenAPI document has: callers, parameters, media types, headers and problems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.http import HTTP_STATUS_CODES

from shop.hypermedia.negotiation import EVENT_STREAM, HAL, HAL_FORMS, JSON
from shop.hypermedia.openapi_parts import (
    KEY_MEMBER,
    STATUS_HEADERS,
    TAG_MEMBER,
    TEXT_SCHEMA,
    Node,
    build_problem_response,
    build_reference,
    reference_headers,
)
from shop.model.moves import ANYONE, MEMBER, OWNER

if TYPE_CHECKING:
    from shop.hypermedia.openapi import Api

ROLE_NAMES = {ANYONE: "anyone", MEMBER: "all who are logged in", OWNER: "the owner"}
PRECONDITION_TEXT = " If-Match, or the member `_etag`, says which version is meant."
READ_ONLY_TEXT = " What can only be read may be sent back; it is ignored."
STREAM_SCHEMA = {
    "type": "string",
    "description": "Server-sent events: each has the cursor as its id, and the item as JSON in its data.",
}
COMMON_PROBLEMS = {"400", "401", "406", "429", "500", "503"}


@dataclass(frozen=True)
class Operation:
    """An operation of the document while it is completed."""

    node: Node
    method: str
    is_on_one: bool  # on one entity, rather than on a list
    callers: list[str]
    is_move: bool  # or the view of a move
    declared_problems: list[str]
    hidden_members: dict[str, str]  # their descriptions
    is_streamed: bool  # for clients that ask for events

    @property
    def changes_one(self) -> bool:
        return self.is_on_one and self.method != "get"

    @property
    def has_key(self) -> bool:
        return self.method == "post" and self.is_move

    @property
    def parameters(self) -> list[Node]:
        return self.node.setdefault("parameters", [])

    @property
    def answers(self) -> dict[str, Node]:
        return self.node["responses"]

    @property
    def body(self) -> Node | None:
        return self.node.get("requestBody")


def complete_operation(node: Node, method: str, is_on_one: bool, api: Api, parts: Node) -> None:
    """Add to an operation what its view does not declare."""
    operation = Operation(
        node,
        method,
        is_on_one,
        callers=node.pop("x-for"),
        is_move=not node.pop("x-without-key", False),
        declared_problems=node.pop("x-problems", []),
        hidden_members=node.pop("x-hidden", {}),
        is_streamed=node.pop("x-streamed", False),
    )
    node["summary"] = node["summary"].rstrip(".")
    node["description"] = describe_operation(operation)
    operation.parameters.extend(list_header_parameters(operation))
    if operation.body:
        complete_body(operation, operation.body, parts)
    complete_answers(operation, api)
    add_problems(operation, api, parts)
    node["responses"] = dict(sorted(operation.answers.items()))


def describe_operation(operation: Operation) -> str:
    names = (ROLE_NAMES.get(role, role) for role in operation.callers)
    text = f"For {' and '.join(names)}." + PRECONDITION_TEXT * operation.changes_one
    return text + READ_ONLY_TEXT * (operation.method in ("put", "patch"))


def list_header_parameters(operation: Operation) -> Iterator[Node]:
    is_read = operation.method == "get"
    can_wait = any(each.get("name") == "wait" for each in operation.parameters)
    sent = {
        "IfMatch": operation.changes_one,
        "IfNoneMatch": is_read,
        "IdempotencyKey": operation.has_key,
        "Prefer": can_wait or (operation.is_move and operation.method in ("post", "put", "patch")),
        "LastEventId": operation.is_streamed,
        "TraceParent": True,
    }
    if operation.method == "delete" and operation.is_on_one:  # its forms have no body
        yield {
            "in": "query",
            "name": "_etag",
            "schema": {"type": "string"},
            "description": TAG_MEMBER["description"],
        }
    yield from (build_reference("parameters", name) for name, counts in sent.items() if counts)


def complete_body(operation: Operation, body: Node, parts: Node) -> None:
    """Declare the members that a form sends hidden, and in PUT and PATCH what is sent back and ignored."""
    name = body["content"][JSON]["schema"]["$ref"].rpartition("/")[2]
    shape = parts["schemas"][name]
    hidden = {name: {**TEXT_SCHEMA, "description": text} for name, text in operation.hidden_members.items()}
    hidden |= {"_etag": TAG_MEMBER} if operation.changes_one else {}
    hidden |= {"_idempotency_key": KEY_MEMBER} if operation.has_key else {}
    if operation.method == "put":
        name = f"{name}InFull"
    members = shape.get("properties", {})
    if operation.method in ("put", "patch"):
        members = {each: member for each, member in members.items() if not each.startswith("_")}
        members |= find_ignored(operation, members, parts)
    members = {**members, **hidden}
    parts["schemas"][name] = {**shape, "properties": members}
    body["content"] = {JSON: {"schema": build_reference("schemas", name)}}


def find_ignored(operation: Operation, members: Node, parts: Node) -> Node:
    """Return the members of the entity that its input does not have; their values are ignored."""
    entity = operation.answers["200"]["content"][JSON]["schema"]["$ref"].rpartition("/")[2]
    return {
        name: {"description": f"{member.get('description', '')} It is ignored here.".strip()}
        for name, member in parts["schemas"][entity]["properties"].items()
        if name not in members
    }


def complete_answers(operation: Operation, api: Api) -> None:
    answers, is_read = operation.answers, operation.method == "get"
    if is_read:
        answers["304"] = {"description": HTTP_STATUS_CODES[304]}
    elif "200" in answers and operation.is_move:
        answers["204"] = {"description": "Done, for those who ask for no more (Prefer: return=minimal)"}
    media_types = (HAL, HAL_FORMS, JSON, api.service.get_vendor_type(api.version))
    for status, answer in answers.items():
        if "content" in answer:
            answer["content"] = dict.fromkeys(media_types, answer["content"][JSON])
            answer["content"] |= {EVENT_STREAM: {"schema": STREAM_SCHEMA}} if operation.is_streamed else {}
        headers = [STATUS_HEADERS.get(status, "")] + ["Idempotency-Replayed"] * operation.has_key
        headers += ["ETag"] * (is_read or (operation.is_move and operation.method != "delete"))
        headers += ["Content-Location"] * (operation.changes_one and status == "200")
        answer["headers"] = reference_headers(*headers)


def add_problems(operation: Operation, api: Api, parts: Node) -> None:
    types = [*api.service.problem_types.values()]
    titles = {problem.status: problem.title for problem in reversed(types)}  # the first one of a status
    for status in find_problems(operation, requires_tag=api.settings.require_if_match):
        operation.answers[status] = build_reference("responses", f"Problem{status}")
        parts["responses"][f"Problem{status}"] = build_problem_response(
            status, titles.get(int(status)) or HTTP_STATUS_CODES[int(status)]
        )


def find_problems(operation: Operation, *, requires_tag: bool) -> set[str]:
    """Return the problems that the view declares, and those that follow from the route, callers and input."""
    has_body, names = operation.body is not None, [each.get("name") for each in operation.parameters]
    possible = {
        "403": not {ANYONE, MEMBER, OWNER} & set(operation.callers),
        "404": operation.is_on_one or "page" in names,
        "409": has_body and operation.is_move,
        "412": operation.changes_one or operation.method == "get",
        "413": has_body,
        "415": has_body,
        "422": operation.has_key,
        "428": operation.changes_one and requires_tag,
    }
    found = COMMON_PROBLEMS.union(operation.declared_problems)
    found |= {status for status, can_happen in possible.items() if can_happen}
    return found - ({"406"} if operation.method == "delete" else set())
