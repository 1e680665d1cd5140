"""The application factory: the settings, the runtime and the doors put together; nothing else."""

from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from flask import Flask
from sqlalchemy import Engine

from shop.doors.service import build_service
from shop.hypermedia.app import build_app, get_engine, open_database, register_service
from shop.hypermedia.runtime import NAME
from shop.hypermedia.waiting_places import WaitingPlaces
from shop.observability import metrics, tracing
from shop.observability.health import Health
from shop.observability.logging import configure_logging
from shop.runtime import ShopRuntime, get_runtime
from shop.services.housekeeping import Housekeeper
from shop.services.tokens import Signer
from shop.settings import Settings, read_settings
from shop.storage.change_listener import ChangeListener


def create_app(settings: Settings | None = None) -> Flask:
    settings = settings or read_settings()
    configure_logging(settings)
    app = build_app("shop", settings)
    database = open_database(app)
    has_graphql = has_graphql_extra()
    app.extensions[NAME] = create_runtime(settings, get_engine(app, database), has_graphql)
    observe(app, settings)
    register_service(app)
    if has_graphql:
        import_module("shop.doors.graphql").open_door(app)
    return app


def has_graphql_extra() -> bool:
    """Whether a release with an executor is installed; the package is not loaded here."""
    package = find_spec("graphql")
    return bool(
        package
        and package.origin
        and Path(package.origin).with_name("execution").joinpath("executor.py").is_file()
    )


def create_runtime(settings: Settings, engine: Engine, has_graphql: bool) -> ShopRuntime:
    signer = Signer(settings.secret_key, settings.access_token_seconds, settings.refresh_token_seconds)
    return ShopRuntime(
        settings=settings,
        service=build_service(settings, signer, has_graphql=has_graphql),
        engine=engine,
        check_readiness=Health(settings.database_url, settings.redis_url, find_migrations()).check_readiness,
        signer=signer,
        change_listener=ChangeListener(engine),
        housekeeper=Housekeeper(engine, settings.currency, settings.unpaid_hours, settings.changes_days),
        waiting_places=WaitingPlaces(settings.threads // 2),
    )


def observe(app: Flask, settings: Settings) -> None:
    """Before the service is registered, because observers come first into a request and leave it last."""
    runtime = get_runtime(app)
    if settings.metrics_port:
        metrics.install_metrics(app, runtime.engine)
    runtime.is_traced = tracing.install_tracing(app, runtime.engine)


def find_migrations() -> Path:
    """Return the migrations of an installed shop, or those beside it in a checkout."""
    installed = Path(str(files("shop"))) / "migrations"
    return installed if installed.is_dir() else installed.parent.parent / "migrations"
