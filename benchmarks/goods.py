"""A shop with the products of the benchmarks."""

from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from flask import Flask
from sqlalchemy import insert, text

from benchmarks.catalogue import FIRST_DATE, build_batches
from shop.app import create_app
from shop.cli.migrations import upgrade_database
from shop.domain.product import Product
from shop.model.entity import normalize_text
from shop.services.search import index_batch
from shop.settings import read_settings
from shop.storage.transactions import Context, TransactionSession


def fill_shop(url: str, count: int) -> Flask:
    """Build a shop with this many products."""
    settings = {"SHOP_SECRET_KEY": token_hex(32), "SHOP_DATABASE_URL": url, "SHOP_LOG_LEVEL": "ERROR"}
    app = create_app(read_settings(settings))
    with app.app_context():
        upgrade_database()
        with app.extensions["shop"].engine.begin() as connection:
            created_at = FIRST_DATE
            for batch in build_batches(count):
                created_at += timedelta(hours=1)
                connection.execute(insert(Product.__table__), [build_row(each, created_at) for each in batch])
        app.extensions["shop"].engine.dispose()
    return app


def finish_background_work(app: Flask) -> None:
    """Do now what the shop and PostgreSQL would do in the background within minutes."""
    with app.app_context():
        engine = app.extensions["shop"].engine
    with TransactionSession(engine) as session, Context(session).transaction():
        while index_batch(session.connection()):
            pass
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in ("VACUUM ANALYZE", "SELECT kept_total_gather()", "VACUUM"):
                connection.execute(text(statement))
    engine.dispose()


def build_row(goods: dict[str, Any], created_at: datetime) -> dict[str, Any]:
    """Build the row of a product that the class of the shop would write."""
    keys = {
        "name_key": normalize_text(goods["name"])[:100],
        "words": normalize_text(f"{goods['name']}\n{goods['description']}"),
    }
    return {**goods, **keys, "version": 1, "created_at": created_at, "updated_at": created_at}
