"""The application factory: database, limits and doors put together; nothing else."""

from collections.abc import Callable
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import Any

from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from shop.doors.rest import open_door
from shop.model.entity import Base
from shop.observability import metrics, tracing
from shop.observability.health import Health
from shop.observability.logging import configure_logging
from shop.services.housekeeping import Housekeeper
from shop.services.tokens import Signer
from shop.settings import Settings, read_settings
from shop.storage.change_listener import ChangeListener
from shop.storage.database import build_engine_options, configure_engine


class Shop(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Nothing here is a coroutine, so nobody need look at every function at every request."""
        return func


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
    app.extensions["shop"] = settings
    app.extensions["shop-draining"] = Event()
    app.extensions["signer"] = Signer(
        settings.secret_key, settings.access_token_seconds, settings.refresh_token_seconds
    )
    app.extensions["health"] = Health(settings.database_url, settings.redis_url, migrations())
    keep(app)
    observe(app, settings)
    open_door(app, settings)
    if find_spec("graphql") and find_spec("graphql.execution.executor"):  # older ones have none
        import_module("shop.doors.graphql").open_door(app, settings)
    return app


def keep(app: Flask) -> None:
    """The database: Flask-SQLAlchemy over the domain's own tables, and its migrations."""
    db = SQLAlchemy(app, metadata=Base.metadata, session_options={"expire_on_commit": False})
    Migrate(app, db, directory=str(migrations()))
    with app.app_context():
        configure_engine(db.engine)
        app.extensions["shop-watcher"] = ChangeListener(db.engine)
        known = app.extensions["shop"]
        app.extensions["shop-housekeeper"] = Housekeeper(
            db.engine, known.currency, known.unpaid_hours, known.changes_days
        )


def observe(app: Flask, settings: Settings) -> None:
    """Before the doors are opened: what watches comes first into a request and leaves it last."""
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
    if settings.metrics_port:
        metrics.install_metrics(app, engine)
    app.extensions["shop-traced"] = tracing.install_tracing(app, engine)


def migrations() -> Path:
    """The migrations of an installed shop, or those beside it in a checkout."""
    installed = Path(str(files("shop"))) / "migrations"
    return installed if installed.is_dir() else installed.parent.parent / "migrations"
