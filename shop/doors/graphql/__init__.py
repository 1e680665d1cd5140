"""A side door: GraphQL, for clients that choose their fields. An extra: pip install '.[graphql]'."""

from flask import Flask

from shop.doors.graphql import refusals
from shop.doors.graphql.endpoint import door
from shop.doors.graphql.persisted import PersistedQueries
from shop.runtime import get_runtime
from shop.settings import Settings

refusals.install(door)


def open_door(app: Flask, settings: Settings) -> None:
    """The journal, limits, tags and CORS of the app are the front door's, and stand before this one too."""
    get_runtime(app).persisted_queries = PersistedQueries()
    app.register_blueprint(door)
