"""A shop, and a `shop grpc` beside it: whatever one process does, the other sees."""

import pytest
from flask import Flask
from flask_migrate import upgrade

from shop.app import create_app
from tests.conftest import fresh_postgres, settings_for


@pytest.fixture(scope="module")
def kind():
    """Where the databases differ, a module says so."""
    return "sqlite"


@pytest.fixture(scope="module")
def migrated_app(kind, request, tmp_path_factory):
    if kind == "sqlite":
        yield made(f"sqlite:///{tmp_path_factory.mktemp('grpc') / 'shop.db'}")
    else:
        with fresh_postgres(request.getfixturevalue("postgres")) as url:
            yield made(url)


def made(url: str) -> Flask:
    app = create_app(settings_for(url))
    with app.app_context():
        upgrade()
    return app


@pytest.fixture
def lamp(product):
    return product("Lamp", price=8950, stock=5)


@pytest.fixture
def boss(staff):
    return staff.tokens["access_token"]


@pytest.fixture
def ada(customer):
    return customer.tokens["access_token"]
