"""The same goods for everybody: made by counting, so that every run has the same."""

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
SCARCE = {7, 499, 983}  # the same three of however many
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 10_000

PEERS = """
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


def product(number: int) -> dict[str, Any]:
    """The product of this number; its price is in minor units."""
    mixed = number * 2_654_435_761 % 2**32
    wood = RARE if number in SCARCE else WOODS[mixed // 97 % len(WOODS)]
    thing = THINGS[mixed // 1013 % len(THINGS)]
    return {
        "name": f"{FINISHES[mixed // 31 % len(FINISHES)]} {wood} {thing} {number}",
        "description": f"A {thing} made by hand, {mixed % 180 + 20} cm wide; number {number} of its kind.",
        "price": mixed % 99_900 + 100,
        "stock": 1_000_000 + mixed % 1000,
    }


def rows(count: int) -> Iterator[list[dict[str, Any]]]:
    """So many products, in batches."""
    numbers = iter(range(1, count + 1))
    while batch := [product(number) for number in islice(numbers, BATCH)]:
        yield batch


def stocked(url: str, count: int) -> Flask:
    """A shop with so many products."""
    settings = {"SHOP_SECRET_KEY": token_hex(32), "SHOP_DATABASE_URL": url, "SHOP_LOG_LEVEL": "ERROR"}
    app = create_app(read_settings(settings))
    with app.app_context():
        upgrade()
        with app.extensions["shop"].engine.begin() as connection:
            moment = BEGINNING
            for batch in rows(count):
                moment += timedelta(hours=1)
                connection.execute(insert(Product.__table__), [entry(each, moment) for each in batch])
        app.extensions["shop"].engine.dispose()
    return app


def entry(goods: dict[str, Any], moment: datetime) -> dict[str, Any]:
    """What the shop keeps of a product: what its class would write, in bulk."""
    keys = {
        "name_key": normalize_text(goods["name"])[:100],
        "words": normalize_text(f"{goods['name']}\n{goods['description']}"),
    }
    return {**goods, **keys, "version": 1, "created_at": moment, "updated_at": moment}


def shelved(path: Path, count: int) -> None:
    """The same products as the peers keep them: in the plain tables that their docs would make."""
    with sqlite3.connect(path) as connection:
        connection.executescript(PEERS)
        moment = BEGINNING.strftime("%Y-%m-%d %H:%M:%S.%f")
        for batch in rows(count):
            connection.executemany(
                "INSERT INTO products (name, description, price, stock, created_at, updated_at) "
                "VALUES (:name, :description, :price / 100.0, :stock, :moment, :moment)",
                [{**each, "moment": moment} for each in batch],
            )
    connection.close()
