"""GraphQL over HTTP: one URL, by POST and, for queries, by GET."""

from importlib.resources import files
from typing import Any

from flask import Response, request
from graphql import Executor, OperationType, get_operation_ast
from werkzeug.exceptions import BadRequest, MethodNotAllowed, NotAcceptable, UnsupportedMediaType

from shop.doors.graphql import errors
from shop.doors.graphql.dataloader import GraphQLContext
from shop.doors.graphql.documents import compute_request_cost, parse_document
from shop.doors.graphql.errors import RequestError
from shop.doors.graphql.idempotency import IdempotentExecutor
from shop.doors.graphql.persisted_queries import DIGEST_PATTERN, PersistedQueries, hash_query
from shop.doors.graphql.responses import (
    build_response,
    build_single_event,
    can_read_events,
    choose_response_type,
    require_response_type,
)
from shop.doors.graphql.schema import SCHEMA, SDL
from shop.doors.graphql.subscriptions import begin_subscription
from shop.hypermedia.callers import get_context
from shop.hypermedia.error_lists import MAX_ERRORS
from shop.hypermedia.input import refuse_encoded_body
from shop.hypermedia.negotiation import EVENT_STREAM, HTML, JSON, parse_content_type
from shop.hypermedia.rate_limits import charge
from shop.hypermedia.responses import build_public_response
from shop.hypermedia.runtime import get_settings
from shop.hypermedia.strict_json import parse_json
from shop.runtime import get_runtime

PARAMETER_TYPES = {"query": str, "operationName": str, "variables": dict, "extensions": dict}
GRAPHIQL_PAGE = (files("shop.doors.graphql") / "static" / "index.html").read_text("utf-8")
GRAPHIQL_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
RETRYABLE_STATUSES = {errors.THROTTLED: 429, "UNAVAILABLE": 503}

MAX_VARIABLE_VALUES = 10_000  # of the variables; ten times as many as the longest order has


def handle_get_request() -> Response:
    """Execute a query; without one, return GraphiQL to browsers and the schema to all others."""
    if "query" in request.args or "extensions" in request.args:
        parameters = {name: request.args[name] for name in PARAMETER_TYPES if name in request.args}
        return answer_request({name: parse_parameter(name, text) for name, text in parameters.items()})
    if get_settings().graphiql and choose_response_type(HTML) == HTML:
        return render_graphiql()
    if not get_settings().graphql_introspection:
        raise BadRequest("A query is missing.")
    return build_public_response(SDL, "text/plain; charset=utf-8")


def render_graphiql() -> Response:
    response = build_public_response(GRAPHIQL_PAGE, f"{HTML}; charset=utf-8")
    response.headers["Content-Security-Policy"] = GRAPHIQL_CSP
    return response


def handle_post_request() -> Response:
    refuse_encoded_body()
    if parse_content_type(request.headers.get("Content-Type", "")) != (JSON, "utf-8"):
        raise UnsupportedMediaType(f"Send the body as {JSON}, in UTF-8.")
    body = request.get_data()
    if body.lstrip()[:1] == b"[":
        raise BadRequest("Batches are not offered: send one operation per request.")
    return answer_request(parse_json(body))


def parse_parameter(name: str, text: str) -> Any:
    if PARAMETER_TYPES[name] is str:
        return text
    return None if text == "null" else parse_json(text.encode())


def answer_request(parameters: dict[str, Any]) -> Response:
    kind = require_response_type()
    for name, expected in PARAMETER_TYPES.items():
        if parameters.get(name) is not None and not isinstance(parameters[name], expected):
            raise BadRequest(f"{name} has the wrong type.")
    digest = parse_query_hash(parameters.get("extensions") or {})
    query = find_query_text(parameters.get("query"), digest)
    executor = prepare_execution(
        query, parameters.get("operationName"), parameters.get("variables") or {}, digest
    )
    if executor.operation.operation is OperationType.SUBSCRIPTION:
        return begin_subscription(executor, query)
    return answer_result(executor, parameters.get("variables") or {}, kind)


def answer_result(executor: Executor, raw_variables: dict[str, Any], kind: str) -> Response:
    """Execute a query or a mutation, and answer with its result."""
    executor.context_value = context = GraphQLContext(get_context(), raw_variables)
    body = errors.build_result(executor.execute_operation())
    body |= {"extensions": {"replayed": context.replayed_paths}} if context.replayed_paths else {}
    if kind == EVENT_STREAM:
        return build_single_event(body)
    response = build_response(body, 200, kind)
    response.is_public = True
    return set_retry_status(response, body)


def get_persisted_queries() -> PersistedQueries:
    return get_runtime().persisted_queries


def parse_query_hash(extensions: dict[str, Any]) -> str | None:
    """Return the hash that a request names according to Apollo's protocol, or None."""
    if (extension := extensions.get("persistedQuery")) is None:
        return None
    is_known = isinstance(extension, dict) and extension.get("version") == 1
    digest = extension.get("sha256Hash") if is_known else None
    if not isinstance(digest, str) or not DIGEST_PATTERN.fullmatch(digest):
        message = "persistedQuery is {version: 1, sha256Hash: 64 hexadecimal digits}."
        raise RequestError("BAD_REQUEST", message)
    return digest


def find_query_text(query: str | None, digest: str | None) -> str:
    """Return the text of the document: the one that was sent, or the one stored under the hash."""
    if query is None:
        if digest is None:
            raise BadRequest("A query is missing.")
        if (stored := get_persisted_queries().find_query(digest)) is None:
            raise RequestError("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound", status=404)
        return stored
    if digest is not None and hash_query(query) != digest:
        raise RequestError("BAD_REQUEST", "This is not the hash of this query.")
    return query


def prepare_execution(
    query: str, name: str | None, raw_variables: dict[str, Any], digest: str | None
) -> Executor:
    """Parse and check an operation, and charge its cost; only then is the caller identified.

    Storing a new persisted query costs one request more.
    """
    introspection = get_settings().graphql_introspection
    document = parse_document(query, introspection)
    operation = get_operation_ast(document, name)
    if operation is None:
        message = "Choose one operation of the document with operationName."
        raise RequestError("OPERATION_RESOLUTION_FAILURE", message)
    check_request(operation.operation)
    if has_more_values(raw_variables, MAX_VARIABLE_VALUES):
        raise RequestError(errors.BAD_INPUT, f"The variables hold more than {MAX_VARIABLE_VALUES} values.")
    is_mutation = operation.operation is OperationType.MUTATION
    executor = (IdempotentExecutor if is_mutation else Executor).build(
        SCHEMA, document, raw_variable_values=raw_variables, operation_name=name,
        max_coercion_errors=MAX_ERRORS, is_awaitable=lambda _: False, hide_suggestions=not introspection,
    )  # fmt: skip
    if isinstance(executor, list):
        raise RequestError(errors.BAD_INPUT, *executor)
    is_new = digest is not None and get_persisted_queries().is_new(digest, query)
    charge(compute_request_cost(document, operation, executor.variable_values) + is_new)
    if is_new:
        get_persisted_queries().store_query(digest, query)
    return executor


def check_request(kind: OperationType) -> None:
    """Refuse a mutation by GET, and a subscription of a client that does not ask for events."""
    if kind is OperationType.MUTATION and request.method != "POST":
        raise MethodNotAllowed(["POST"], "Send mutations by POST.")
    if kind is OperationType.SUBSCRIPTION and not can_read_events():
        raise NotAcceptable(f"Send a subscription with Accept: {EVENT_STREAM}.")


def has_more_values(raw_variables: Any, limit: int) -> bool:
    """Whether the variables hold more values than the limit; it stops counting there, to save time."""
    remaining, stack = limit, [raw_variables]
    while stack:
        value = stack.pop()
        if isinstance(value, dict | list):
            remaining -= len(value)
            if remaining < 0:
                return True
            stack.extend(value.values() if isinstance(value, dict) else value)
    return False


def set_retry_status(response: Response, body: dict[str, Any]) -> Response:
    """Set a status of 429 or 503 if the answer has no data and the client should try again later."""
    errors_by_code = {e["extensions"]["code"]: e["extensions"] for e in body.get("errors", ())}
    codes = [code for code in RETRYABLE_STATUSES if code in errors_by_code]
    if codes and not any(each is not None for each in (body["data"] or {}).values()):
        response.status_code = RETRYABLE_STATUSES[codes[0]]
        if "retryAfter" in errors_by_code[codes[0]]:
            response.headers["Retry-After"] = str(errors_by_code[codes[0]]["retryAfter"])
    return response
