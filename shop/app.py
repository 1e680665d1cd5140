"""The application factory: database, limits and doors put together; nothing else."""

from collections.abc import Callable
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import Engine

from shop import runtime
from shop.doors.rest import open_door
from shop.model.entity import Base
from shop.observability import metrics, tracing
from shop.observability.health import Health
from shop.observability.logging import configure_logging
from shop.runtime import Runtime, get_runtime
from shop.services.housekeeping import Housekeeper
from shop.services.tokens import Signer
from shop.settings import Settings, read_settings
from shop.storage.change_listener import ChangeListener
from shop.storage.database import build_engine_options, configure_engine
from shop.storage.transactions import TransactionSession


class Shop(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: no view is a coroutine, so Flask need not check it at every request."""
        return func


class AppSession(TransactionSession, FlaskSession):
    """The session of each request, over the engine of the app."""


def create_app(settings: Settings | None = None) -> Flask:
    settings = settings or read_settings()
    configure_logging(settings)
    app = Shop("shop", static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=1024 * 1024,
        PROPAGATE_EXCEPTIONS=False,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=build_engine_options(settings.database_url, settings.threads),
    )
    app.extensions[runtime.NAME] = create_runtime(settings, open_database(app))
    observe(app, settings)
    open_door(app, settings)
    if find_spec("graphql") and find_spec("graphql.execution.executor"):  # older ones have none
        import_module("shop.doors.graphql").open_door(app, settings)
    return app


def open_database(app: Flask) -> Engine:
    """Flask-SQLAlchemy over the tables of the domain, and its migrations."""
    options = {"class_": AppSession, "expire_on_commit": False}
    db = SQLAlchemy(app, metadata=Base.metadata, session_options=options)
    Migrate(app, db, directory=str(migrations()))
    with app.app_context():
        configure_engine(db.engine)
        return db.engine


def create_runtime(settings: Settings, engine: Engine) -> Runtime:
    return Runtime(
        settings=settings,
        engine=engine,
        signer=Signer(settings.secret_key, settings.access_token_seconds, settings.refresh_token_seconds),
        health=Health(settings.database_url, settings.redis_url, migrations()),
        change_listener=ChangeListener(engine),
        housekeeper=Housekeeper(engine, settings.currency, settings.unpaid_hours, settings.changes_days),
    )


def observe(app: Flask, settings: Settings) -> None:
    """Before the doors are opened, because observers come first into a request and leave it last."""
    known = get_runtime(app)
    if settings.metrics_port:
        metrics.install_metrics(app, known.engine)
    known.is_traced = tracing.install_tracing(app, known.engine)


def migrations() -> Path:
    """The migrations of an installed shop, or those beside it in a checkout."""
    installed = Path(str(files("shop"))) / "migrations"
    return installed if installed.is_dir() else installed.parent.parent / "migrations"
