"""What the faults happen to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.conftest import fresh_postgres
from tests.load import Stage, stage
from tests.servers import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL of its own: others must not be in the way when it is stopped."""
    with servers.cluster() as server:
        yield server


@pytest.fixture
def scene(cluster: Cluster) -> Iterator[Stage]:
    """An open shop on that PostgreSQL."""
    with fresh_postgres(cluster.url) as url:
        made = stage(url)
        yield made
        with made.app.app_context():
            made.app.extensions["shop"].engine.dispose()


@pytest.fixture
def small(tmp_path: Path) -> Stage:
    """An open shop on SQLite."""
    return stage(f"sqlite:///{tmp_path / 'shop.db'}")
