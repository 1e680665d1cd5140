"""The GraphQL API, for clients that choose their fields. An extra: pip install '.[graphql]'.

endpoint.py           GraphQL over HTTP: reads a request, executes it, builds the response
documents.py          parses documents, validates them, and computes what they cost
introspection.py      lengths of the lists in introspection, which the cost needs
schema.py             builds the schema from schema.graphql and binds the resolvers
resolvers.py          the resolvers of queries and fields
mutations.py          the resolvers of mutations: one for each move, and login, refresh, logout
changes.py            the resolvers of the change feed
dataloader.py         loads what the siblings of a list need in one statement
conversions.py        converts names, ids, money and times between the schema and the shop
idempotency.py        executes a mutation with an idempotency key only once
persisted_queries.py  automatic persisted queries
errors.py             GraphQL errors with their codes
error_handlers.py     responses to requests that were not executed
responses.py          media types of the responses
"""

from flask import Flask

from shop.doors.graphql import error_handlers
from shop.doors.graphql.endpoint import blueprint
from shop.doors.graphql.persisted_queries import PersistedQueries
from shop.runtime import get_runtime
from shop.settings import Settings

error_handlers.register_error_handlers(blueprint)


def open_door(app: Flask, settings: Settings) -> None:
    """Register the GraphQL endpoint; logging, limits, tags and CORS are those that the app already has."""
    get_runtime(app).persisted_queries = PersistedQueries()
    app.register_blueprint(blueprint)
