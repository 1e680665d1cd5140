"""GraphQL over HTTP: one place, by POST and, for queries, by GET."""

from importlib.resources import files
from typing import Any

from flask import Blueprint, Response, request
from graphql import ExecutionResult, OperationType, execute, get_operation_ast
from graphql.execution.values import get_variable_values
from werkzeug.exceptions import BadRequest, MethodNotAllowed, UnsupportedMediaType

from shop.doors.graphql import errors
from shop.doors.graphql.batch import Asking
from shop.doors.graphql.documents import read, weigh
from shop.doors.graphql.errors import Refused
from shop.doors.graphql.keyed import Keyed
from shop.doors.graphql.media import choose, media, said
from shop.doors.graphql.persisted import PersistedQueries, asked, hashed
from shop.doors.graphql.schema import SCHEMA, SDL
from shop.doors.media import HTML, JSON, parse_content_type
from shop.doors.quota import spend
from shop.doors.strict import parse
from shop.doors.web import MOST_ERRORS, context, settings
from shop.hypermedia.request import request_state
from shop.runtime import get_runtime

KINDS = {"query": str, "operationName": str, "variables": dict, "extensions": dict}
PAGE = (files("shop.doors.graphql") / "static" / "index.html").read_text("utf-8")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PASSING = {errors.THROTTLED: 429, "UNAVAILABLE": 503}

MOST_VALUES = 10_000  # of variables: ten times what the longest order has

door = Blueprint("graphql", __name__, static_folder="static", static_url_path="/graphql/static")


@door.get("/graphql")
def get() -> Response:
    """A query; or, without one, the page to try queries on, or the schema to read."""
    if "query" in request.args or "extensions" in request.args:
        words = {name: request.args[name] for name in KINDS if name in request.args}
        return answered({name: spoken(name, word) for name, word in words.items()})
    request_state().is_public = True
    if settings().graphiql and choose(HTML) == HTML:
        return page()
    if not settings().graphql_introspection:
        raise BadRequest("A query is missing.")
    return Response(SDL, content_type="text/plain; charset=utf-8")


def page() -> Response:
    response = Response(PAGE, content_type=f"{HTML}; charset=utf-8")
    response.headers["Content-Security-Policy"] = POLICY
    return response


@door.post("/graphql")
def post() -> Response:
    if parse_content_type(request.headers.get("Content-Type", "")) != (JSON, "utf-8"):
        raise UnsupportedMediaType(f"Send the body as {JSON}, in UTF-8.")
    return answered(parse(request.get_data()))


def spoken(name: str, word: str) -> Any:
    if KINDS[name] is str:
        return word
    return None if word == "null" else parse(word.encode())


def answered(words: dict[str, Any]) -> Response:
    kind = media()
    for name, form in KINDS.items():
        if words.get(name) is not None and not isinstance(words[name], form):
            raise BadRequest(f"{name} is not what it must be.")
    digest = asked(words.get("extensions") or {})
    query = text(words.get("query"), digest)
    result, replayed = executed(query, words.get("operationName"), words.get("variables") or {}, digest)
    body: dict[str, Any] = {"data": result.data}
    body |= {"errors": errors.list_failures(result.errors)} if result.errors else {}
    body |= {"extensions": {"replayed": replayed}} if replayed else {}
    request_state().is_public = True
    return waiting(said(body, 200, kind), body)


def stored_queries() -> PersistedQueries:
    return get_runtime().persisted_queries


def text(query: str | None, digest: str | None) -> str:
    """The text of the document, said or known by its hash."""
    if query is None:
        if digest is None:
            raise BadRequest("A query is missing.")
        return stored_queries().find(digest)
    if digest is not None and hashed(query) != digest:
        raise Refused("BAD_REQUEST", "This is not the hash of this query.")
    return query


def executed(
    query: str, name: str | None, given: dict[str, Any], digest: str | None
) -> tuple[ExecutionResult, list[Any]]:
    """Read it, weigh it, and only then ask who asks and do it. A text that is kept costs a request more."""
    told = settings().graphql_introspection
    document, flaws = read(query, told)
    if flaws:
        raise flawed(flaws)
    operation = get_operation_ast(document, name)
    if operation is None:
        raise Refused("OPERATION_RESOLUTION_FAILURE", "Name one operation of the document.")
    changing = operation.operation is OperationType.MUTATION
    if changing and request.method != "POST":
        raise MethodNotAllowed(["POST"], "A mutation comes by POST.")
    quiet = {"hide_suggestions": not told}
    if has_more_values(given, MOST_VALUES):
        raise Refused(errors.INPUT, f"The variables hold more than {MOST_VALUES} values.")
    variables = get_variable_values(
        SCHEMA, operation.variable_definitions or (), given, max_errors=MOST_ERRORS, **quiet
    )
    if isinstance(variables, list):
        raise Refused(errors.INPUT, *variables)
    new = digest is not None and stored_queries().is_new(digest, query)
    spend(weigh(document, operation, variables) + new)
    if new:
        stored_queries().remember(digest, query)
    ask = Asking(context(), given)
    result = execute(
        SCHEMA, document, context_value=ask, variable_values=given, operation_name=name,
        executor_class=Keyed if changing else None, is_awaitable=lambda _: False, **quiet,
    )  # fmt: skip
    return result, ask.replayed


def has_more_values(given: Any, most: int) -> bool:
    """Whether there are more values in the variables than this; to look at them all would take long."""
    left, stack = most, [given]
    while stack:
        value = stack.pop()
        if isinstance(value, dict | list):
            left -= len(value)
            if left < 0:
                return True
            stack.extend(value.values() if isinstance(value, dict) else value)
    return False


def flawed(flaws: list[dict[str, Any]]) -> Refused:
    refusal = Refused(errors.VALIDATION)
    refusal.errors = flaws
    return refusal


def waiting(response: Response, body: dict[str, Any]) -> Response:
    """An answer that has nothing in it but that it may work later says so by its status too."""
    said = {e["extensions"]["code"]: e["extensions"] for e in body.get("errors", ())}
    passing = [code for code in PASSING if code in said]
    if passing and not any(each is not None for each in (body["data"] or {}).values()):
        response.status_code = PASSING[passing[0]]
        if "retryAfter" in said[passing[0]]:
            response.headers["Retry-After"] = str(said[passing[0]]["retryAfter"])
    return response
