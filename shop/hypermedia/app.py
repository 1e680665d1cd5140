"""Puts a service together: the database, the limits, the routes of its resources, documents and pages."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Response
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import Engine, text

from shop.hypermedia.about import about
from shop.hypermedia.callers import Identify
from shop.hypermedia.explorer import explorer
from shop.hypermedia.home import build_home_blueprint
from shop.hypermedia.input import Id
from shop.hypermedia.openapi import build_api
from shop.hypermedia.pipeline import register_steps
from shop.hypermedia.problems import register_error_handlers
from shop.hypermedia.profile import list_terms
from shop.hypermedia.rate_limit_hooks import build_request_limits, prepare_limiter
from shop.hypermedia.resources import Resource
from shop.hypermedia.response_cache import install_response_cache
from shop.hypermedia.responses import Answer
from shop.hypermedia.routes import build_blueprint
from shop.hypermedia.runtime import NAME, Runtime, get_runtime
from shop.hypermedia.service import Service
from shop.hypermedia.settings import ServiceSettings
from shop.model.entity import Base
from shop.storage.database import build_engine_options, configure_engine, resolve_path
from shop.storage.transactions import TransactionSession


class AppSession(TransactionSession, FlaskSession):
    """The session of each request, over the engine of the app."""


class ServiceApp(Flask):
    response_class = Answer

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: no view is a coroutine, so Flask need not check it at every request."""
        return func

    def make_default_options_response(self) -> Response:
        """Return an answer to OPTIONS: it has no body, so it has no media type."""
        response = super().make_default_options_response()
        response.headers.pop("Content-Type")
        return response


def build_app(name: str, settings: ServiceSettings) -> Flask:
    app = ServiceApp(name, static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=1024 * 1024,
        PROPAGATE_EXCEPTIONS=False,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=build_engine_options(settings.database_url, settings.threads),
    )
    return app


def open_database(app: Flask) -> SQLAlchemy:
    """Open the database with Flask-SQLAlchemy over the tables of the domain."""
    options = {"class_": AppSession, "expire_on_commit": False}
    database = SQLAlchemy(app, metadata=Base.metadata, session_options=options)
    with app.app_context():
        configure_engine(database.engine)
    return database


def get_engine(app: Flask, database: SQLAlchemy) -> Engine:
    with app.app_context():
        return database.engine


def register_service(app: Flask) -> None:
    """Register every blueprint under every version, and once more where Accept names the version."""
    runtime = get_runtime(app)
    service, settings = runtime.service, runtime.settings
    app.url_map.strict_slashes = app.url_map.merge_slashes = False
    app.url_map.converters["id"] = Id
    limits = build_request_limits(settings)
    install_response_cache(app, limits)
    prepare_limiter(app, limits)
    register_steps(app)
    register_error_handlers(app)
    app.register_blueprint(explorer)
    app.register_blueprint(about)
    runtime.apis = {version.name: build_api(app, version, service, settings) for version in service.versions}
    home = build_home_blueprint(service.home)
    with app.app_context():
        list_terms(service)  # stops the start where a member has no description
        resources = {build_blueprint(each, service): each.path for each in service.resources}
    for blueprint, path in {home: "", **resources, **service.blueprints}.items():
        app.register_blueprint(blueprint, url_prefix=f"/api{path}", name=f"any_{blueprint.name}")
        for version, api in runtime.apis.items():
            name = f"{version}_{blueprint.name}"
            api.register_blueprint(blueprint, url_prefix=f"/api/{version}{path}", name=name)
    app.register_blueprint(home, url_prefix="", name="first_home")
    for name in ("any", *runtime.apis):  # without a slash too, so that a wrong method is a 405 there as well
        endpoint = f"{name}_home.home"
        app.add_url_rule(f"/api/{name}".removesuffix("/any"), endpoint, app.view_functions[endpoint])


def create_service(
    name: str,
    *,
    resources: list[Resource],
    identify: Identify,
    database_url: str,
    secret_key: str,
    **more: Any,
) -> Flask:
    """Return an app that serves these resources; tables that are missing are created.

    `more` are further settings. A service that changes its tables later needs migrations instead.
    """
    settings = ServiceSettings(database_url=resolve_path(database_url), secret_key=(secret_key,), **more)
    service = Service(name=name, resources=tuple(resources), identify=identify)
    app = build_app(service.slug, settings)
    engine = get_engine(app, open_database(app))
    for metadata in {Base.metadata, *(resource.kind.metadata for resource in resources)}:
        metadata.create_all(engine)
    runtime = Runtime(
        settings=settings, service=service, engine=engine, check_readiness=lambda: check_database(engine)
    )
    app.extensions[NAME] = runtime
    register_service(app)
    return app


def check_database(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    return {"database": "up"}
