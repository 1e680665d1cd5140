"""A shop in this process and a `shop grpc` in another, on the same database."""

import pytest
from flask import Flask

from shop.app import create_app
from shop.cli.migrations import upgrade_database
from tests.conftest import fresh_postgres, settings_for


@pytest.fixture(scope="module")
def database_kind():
    """SQLite, unless a module overrides this fixture."""
    return "sqlite"


@pytest.fixture(scope="module")
def migrated_app(database_kind, request, tmp_path_factory):
    if database_kind == "sqlite":
        yield build_app(f"sqlite:///{tmp_path_factory.mktemp('grpc') / 'shop.db'}")
    else:
        with fresh_postgres(request.getfixturevalue("postgres")) as url:
            yield build_app(url)


def build_app(url: str) -> Flask:
    app = create_app(settings_for(url))
    with app.app_context():
        upgrade_database()
    return app


@pytest.fixture
def lamp(product):
    return product("Lamp", price=8950, stock=5)


@pytest.fixture
def staff_token(staff):
    return staff.tokens["access_token"]


@pytest.fixture
def customer_token(customer):
    return customer.tokens["access_token"]
