"""A served shop, and Node, for clients that others wrote."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shop.app import create_app
from shop.cli.migrations import upgrade_database
from shop.domain.product import Product
from shop.domain.user import CUSTOMER
from shop.model.moves import STAFF
from tests.conftest import enroll_user, settings_for
from tests.node import with_packages
from tests.running import serving

HERE = Path(__file__).parent
GOODS = ["Walnut desk", "Brass lamp", "Pine stool"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The root of a shop that is served, with goods and people."""
    url = f"sqlite:///{tmp_path_factory.mktemp('clients') / 'shop.db'}"
    app = create_app(settings_for(url))
    with app.app_context():
        upgrade_database()
        session = app.extensions["sqlalchemy"].session()
        session.add_all([Product(name=name, description="", price=8900, stock=12) for name in GOODS])
        session.commit()
    enroll_user(app, "ada", CUSTOMER), enroll_user(app, "grace", STAFF)
    with serving(url) as (process,):
        yield f"http://127.0.0.1:{process.port}/"


@pytest.fixture(scope="module")
def node() -> str:
    return with_packages(HERE)
