import pytest


@pytest.fixture(scope="session")
def ground() -> str:
    """The doors share their services, and those are tested on every database elsewhere."""
    return "sqlite"
