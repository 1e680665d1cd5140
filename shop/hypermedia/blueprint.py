"""A blueprint whose views take validated input and return entities; the schemas are its documentation."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import request
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema

from shop.hypermedia.event_streams import EventStream, offer_stream
from shop.hypermedia.input import PARSER
from shop.hypermedia.queries import split_parameter
from shop.hypermedia.representations import LinkedSchema
from shop.hypermedia.request import request_state
from shop.hypermedia.responses import (
    Answer,
    build_empty_response,
    build_minimal_response,
    build_response,
    is_minimal_wanted,
)
from shop.model.moves import ANYONE, Move

View = Callable[..., Any]


class Blueprint(SmorestBlueprint):
    ARGUMENTS_PARSER = PARSER

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        def decorate(view: View) -> View:
            name = f"{self.name}_{options.get('endpoint', view.__name__)}"
            return SmorestBlueprint.route(self, rule, **options)(self.doc(operationId=name)(view))

        return decorate

    def arguments(self, schema: Any, **options: Any) -> Callable[[View], View]:
        """Load the input with a schema that is made once, not at every request."""
        return super().arguments(schema() if isinstance(schema, type) else schema, **options)

    def gives(
        self, status: int, schema: type[Schema] | None = None, *, public: bool = False, partial: bool = False
    ) -> Callable[[View], View]:
        """Answer with what the view returns, written by this schema, and document it.

        `partial` says that the caller may choose some of the members.
        """
        representation = schema() if schema else None

        def decorate(view: View) -> View:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Answer:
                return build_answer(view(*args, **kwargs), representation, status, is_public=public)

            return self.response(status, schema and schema(partial=partial or None))(wrapper)

        return decorate

    def documents_move(
        self, move: Move, input_schema: Schema | None, status: int, schema: Schema | None
    ) -> Callable[[View], View]:
        """Document a view that loads its input and builds its answer itself."""

        def decorate(view: View) -> View:
            view = self.response(status, schema)(view)
            if input_schema is not None:
                required = bool(input_schema.fields) and not input_schema.partial
                view._apidoc = super(Blueprint, self).arguments(input_schema, required=required)(view)._apidoc
            view = self.may_fail(*[409] * move.is_conditional)(view)
            return self.needs(*move.by)(view)

        return decorate

    def needs(self, *roles: str) -> Callable[[View], View]:
        """Document who may call the view; the service is what checks it."""
        security = [{}, {"bearer": []}] if ANYONE in roles else [{"bearer": []}]
        return self.doc(security=security, **{"x-for": sorted(roles)})

    def without_key(self, view: View) -> View:
        """Document that a POST takes no Idempotency-Key."""
        return self.doc(**{"x-without-key": True})(view)

    def takes_hidden(self, **descriptions: str) -> Callable[[View], View]:
        """Document members of the body that a form sends hidden."""
        return self.doc(**{"x-hidden": descriptions})

    def streams(self, open_stream: Callable[..., EventStream]) -> Callable[[View], View]:
        """Answer with a stream of events where the client asks for one, and document it."""

        def decorate(view: View) -> View:
            return self.doc(**{"x-streamed": True})(offer_stream(open_stream)(view))

        return decorate

    def may_fail(self, *statuses: int) -> Callable[[View], View]:
        """Document problems that cannot be derived from the route and its input."""
        return self.doc(**{"x-problems": list(map(str, statuses))})


def build_answer(thing: Any, schema: LinkedSchema | None, status: int, *, is_public: bool = False) -> Answer:
    if schema is None:
        return build_empty_response()
    state = schema.select(split_parameter("fields")).dump(thing)
    location = build_location(state["_links"].get("self"), status)
    if location and is_minimal_wanted():
        answer = build_minimal_response(status, location)
    else:
        answer = build_response(state, status, **location)
    answer.tag, answer.is_public = getattr(thing, "tag", None), is_public
    if ctx := request_state().context:
        answer.recording = ctx.recording
    return answer


def build_location(self_link: dict[str, str] | None, status: int) -> dict[str, str]:
    """Return the header that says where the new or changed entity is."""
    if not self_link or request.method in ("GET", "HEAD"):
        return {}
    return {"Location" if status == 201 else "Content-Location": self_link["href"]}
