"""What the faults happen to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.conftest import fresh_postgres
from tests.load import StockedShop, build_shop
from tests.servers import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL of its own: others must not be in the way when it is stopped."""
    with servers.cluster() as server:
        yield server


@pytest.fixture
def stocked_shop(cluster: Cluster) -> Iterator[StockedShop]:
    """An open shop on that PostgreSQL."""
    with fresh_postgres(cluster.url) as url:
        made = build_shop(url)
        yield made
        with made.app.app_context():
            made.app.extensions["shop"].engine.dispose()


@pytest.fixture
def sqlite_shop(tmp_path: Path) -> StockedShop:
    """An open shop on SQLite."""
    return build_shop(f"sqlite:///{tmp_path / 'shop.db'}")
