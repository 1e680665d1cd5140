"""A side door: GraphQL, for clients that choose their fields. An extra: pip install '.[graphql]'."""

from flask import Flask

from shop.doors.graphql import error_handlers
from shop.doors.graphql.endpoint import blueprint
from shop.doors.graphql.persisted_queries import PersistedQueries
from shop.runtime import get_runtime
from shop.settings import Settings

error_handlers.register_error_handlers(blueprint)


def open_door(app: Flask, settings: Settings) -> None:
    """The journal, limits, tags and CORS of the app are the front door's, and stand before this one too."""
    get_runtime(app).persisted_queries = PersistedQueries()
    app.register_blueprint(blueprint)
