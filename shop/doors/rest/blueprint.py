"""A blueprint whose views take shapes and give documents."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
from flask import Response, request
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema

from shop.doors.request_context import get_context
from shop.doors.rest.input import Parser
from shop.hypermedia.request import request_state
from shop.model.moves import ANYONE
from shop.storage.recorded_queries import RecordedQuery
from shop.storage.transactions import Context

View = Callable[..., Any]


def build_response(state: dict[str, Any], status: int = 200, **headers: str) -> Response:
    return Response(orjson.dumps(state), status, headers, content_type=request_state().media_type)


def build_empty_response(status: int = 204, **headers: str) -> Response:
    response = Response(status=status, headers=headers)
    del response.headers["Content-Type"]
    return response


def parse_preferences() -> list[str]:
    """What the client would like, if it can be had (RFC 7240)."""
    return re.split(r"[,;]", request.headers.get("Prefer", "").lower().replace(" ", "").replace('"', ""))


def is_minimal_wanted() -> bool:
    """Whether the client would rather not have the new state sent back."""
    return "return=minimal" in parse_preferences()


def build_minimal_response(status: int, where: dict[str, str]) -> Response:
    wished = {"Preference-Applied": "return=minimal"}
    return build_empty_response(201 if status == 201 else 204, **where, **wished)


class Blueprint(SmorestBlueprint):
    ARGUMENTS_PARSER = Parser()

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        def decorate(view: View) -> View:
            name = f"{self.name}_{options.get('endpoint', view.__name__)}"
            return SmorestBlueprint.route(self, rule, **options)(self.doc(operationId=name)(view))

        return decorate

    def arguments(self, schema: Any, **options: Any) -> Callable[[View], View]:
        """A shape is made once, not at every request."""
        return super().arguments(schema() if isinstance(schema, type) else schema, **options)

    def gives(
        self, status: int, schema: type[Schema] | None = None, *, public: bool = False, partial: bool = False
    ) -> Callable[[View], View]:
        """Answer with what the view returns, seen through this schema; say so in the documentation.

        `partial` says that the caller may choose some of the members.
        """
        shown = schema() if schema else None

        def decorate(view: View) -> View:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Response:
                result, request_state().is_public = view(*args, **kwargs), public
                if not shown:
                    return build_empty_response()
                request_state().tag = getattr(result, "tag", None)
                state = shown.select(parse_fields()).dump(result)
                if public:
                    request_state().queries = find_recorded_queries(get_context())
                where = build_location(state["_links"].get("self"), status)
                return (
                    build_minimal_response(status, where)
                    if where and is_minimal_wanted()
                    else build_response(state, status, **where)
                )

            return self.response(status, schema and schema(partial=partial or None))(wrapper)

        return decorate

    def needs(self, *roles: str) -> Callable[[View], View]:
        """Say in the documentation that a token is needed; the service is what insists."""
        security = [{}, {"bearer": []}] if ANYONE in roles else [{"bearer": []}]
        return self.doc(security=security, **{"x-for": sorted(roles)})


def find_recorded_queries(ctx: Context) -> list[RecordedQuery] | None:
    """The queries that an answer was made of; None where the session read something: it records nothing."""
    return None if ctx.session.in_transaction() else ctx.recorded_queries


def parse_fields() -> tuple[str, ...]:
    """The members that a GET names, once it is known that they exist."""
    if request.method not in ("GET", "HEAD"):
        return ()
    return tuple(name for name in request.args.get("fields", "").split(",") if name)


def build_location(here: dict[str, str] | None, status: int) -> dict[str, str]:
    """Where what was made or changed is to be found."""
    if not here or request.method in ("GET", "HEAD"):
        return {}
    return {"Location" if status == 201 else "Content-Location": here["href"]}
