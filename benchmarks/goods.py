"""The products of the benchmarks, computed from their numbers, so that every run has the same."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from secrets import token_hex
from typing import Any

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import insert

from shop.app import create_app
from shop.domain.product import Product
from shop.model.entity import normalize_text
from shop.settings import read_settings

COMMON, RARE = "oak", "zebrano"
FINISHES = ("Oiled", "Waxed", "Painted", "Smoked", "Brushed", "Raw", "Lacquered")
WOODS = ("oak", "ash", "beech", "birch", "cherry", "elm", "larch", "maple", "pine", "walnut")
THINGS = ("desk", "stool", "bench", "shelf", "table", "chair", "lamp", "box", "frame", "tray", "bowl")
RARE_NUMBERS = {7, 499, 983}  # the same three in a catalogue of any size
FIRST_DATE = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 10_000

PEER_TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE products (
    id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL, description TEXT NOT NULL, price FLOAT NOT NULL,
    stock INTEGER NOT NULL, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL);
CREATE INDEX products_price ON products (price, id);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, status VARCHAR(20) NOT NULL, total FLOAT NOT NULL, currency VARCHAR(3) NOT NULL,
    created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL);
CREATE TABLE order_items (
    id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders (id),
    product_id INTEGER NOT NULL REFERENCES products (id), name VARCHAR(100) NOT NULL,
    unit_price FLOAT NOT NULL, quantity INTEGER NOT NULL);
CREATE INDEX order_items_order ON order_items (order_id);
"""


def build_product(number: int) -> dict[str, Any]:
    """Build the product of this number; its price is in minor units."""
    mixed = number * 2_654_435_761 % 2**32
    wood = RARE if number in RARE_NUMBERS else WOODS[mixed // 97 % len(WOODS)]
    thing = THINGS[mixed // 1013 % len(THINGS)]
    return {
        "name": f"{FINISHES[mixed // 31 % len(FINISHES)]} {wood} {thing} {number}",
        "description": f"A {thing} made by hand, {mixed % 180 + 20} cm wide; number {number} of its kind.",
        "price": mixed % 99_900 + 100,
        "stock": 1_000_000 + mixed % 1000,
    }


def build_batches(count: int) -> Iterator[list[dict[str, Any]]]:
    """Yield this many products in batches."""
    numbers = iter(range(1, count + 1))
    while batch := [build_product(number) for number in islice(numbers, BATCH)]:
        yield batch


def fill_shop(url: str, count: int) -> Flask:
    """Build a shop with this many products."""
    settings = {"SHOP_SECRET_KEY": token_hex(32), "SHOP_DATABASE_URL": url, "SHOP_LOG_LEVEL": "ERROR"}
    app = create_app(read_settings(settings))
    with app.app_context():
        upgrade()
        with app.extensions["shop"].engine.begin() as connection:
            created_at = FIRST_DATE
            for batch in build_batches(count):
                created_at += timedelta(hours=1)
                connection.execute(insert(Product.__table__), [build_row(each, created_at) for each in batch])
        app.extensions["shop"].engine.dispose()
    return app


def build_row(goods: dict[str, Any], created_at: datetime) -> dict[str, Any]:
    """Build the row of a product that the class of the shop would write."""
    keys = {
        "name_key": normalize_text(goods["name"])[:100],
        "words": normalize_text(f"{goods['name']}\n{goods['description']}"),
    }
    return {**goods, **keys, "version": 1, "created_at": created_at, "updated_at": created_at}


def fill_peer_database(path: Path, count: int) -> None:
    """Write the same products to the tables of the other frameworks, as their docs would define them."""
    with sqlite3.connect(path) as connection:
        connection.executescript(PEER_TABLES)
        created_at = FIRST_DATE.strftime("%Y-%m-%d %H:%M:%S.%f")
        for batch in build_batches(count):
            connection.executemany(
                "INSERT INTO products (name, description, price, stock, created_at, updated_at) "
                "VALUES (:name, :description, :price / 100.0, :stock, :moment, :moment)",
                [{**each, "moment": created_at} for each in batch],
            )
    connection.close()
