"""The servers and shops that the faults happen to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.conftest import fresh_postgres
from tests.load import StockedShop, build_shop
from tests.servers import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A separate PostgreSQL, because these tests stop it."""
    with servers.cluster() as server:
        yield server


@pytest.fixture
def stocked_shop(cluster: Cluster) -> Iterator[StockedShop]:
    """A shop with stock on that PostgreSQL."""
    with fresh_postgres(cluster.url) as url:
        shop = build_shop(url)
        yield shop
        with shop.app.app_context():
            shop.app.extensions["shop"].engine.dispose()


@pytest.fixture
def sqlite_shop(tmp_path: Path) -> StockedShop:
    """A shop with stock on SQLite."""
    return build_shop(f"sqlite:///{tmp_path / 'shop.db'}")
