"""The GraphQL API, for clients that choose their fields. An extra: pip install '.[graphql]'.

The first request loads the library and the schema, which take 7 MiB: a shop that gets none does without.

endpoint.py           GraphQL over HTTP: reads a request, executes it, builds the response
documents.py          parses documents, validates them, and computes what they cost
introspection.py      lengths of the lists in introspection, which the cost needs
schema.py             builds the schema from schema.graphql and binds the resolvers
resolvers.py          the resolvers of queries and fields
mutations.py          the resolvers of mutations: one for each move, and login, refresh, logout
changes.py            the resolvers of the change feed
subscriptions.py      subscriptions to the feeds of changes and order steps, as streams of events
dataloader.py         loads what the siblings of a list need in one statement
conversions.py        converts names, ids, money and times between the schema and the shop
idempotency.py        executes a mutation with an idempotency key only once
persisted_queries.py  automatic persisted queries
errors.py             GraphQL errors with their codes
error_handlers.py     responses to requests that were not executed
responses.py          media types of the responses
"""

from importlib import import_module
from typing import Any

from flask import Blueprint, Flask, Response
from werkzeug.exceptions import TooManyRequests

from shop.doors.graphql.persisted_queries import PersistedQueries
from shop.runtime import get_runtime

blueprint = Blueprint("graphql", __name__, static_folder="static", static_url_path="/graphql/static")


def open_door(app: Flask) -> None:
    """Register the GraphQL endpoint; logging, limits, tags and CORS are those that the app already has."""
    get_runtime(app).persisted_queries = PersistedQueries()
    app.register_blueprint(blueprint)


def load_module(name: str) -> Any:
    return import_module(f"{__name__}.{name}")


@blueprint.get("/graphql")
def handle_get_request() -> Response:
    return load_module("endpoint").handle_get_request()


@blueprint.post("/graphql")
def handle_post_request() -> Response:
    return load_module("endpoint").handle_post_request()


@blueprint.errorhandler(TooManyRequests)  # the app has a handler for this exception, which would come first
@blueprint.errorhandler(Exception)
def handle_error(error: Exception) -> Response:
    return load_module("error_handlers").handle_error(error)
