"""The SQLite file is readable only by its owner, from the moment it is created."""

import os
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from shop.model.errors import Unavailable
from shop.observability.health import create_private_engine
from shop.storage.database import configure_engine, translate_error


@pytest.fixture
def usual_umask():
    """The umask of most machines: new files can be read by all users."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def get_modes(folder: Path) -> dict[str, str]:
    return {each.name: oct(stat.S_IMODE(each.stat().st_mode)) for each in folder.iterdir()}


@pytest.fixture
def write_and_get_modes(tmp_path, usual_umask):
    """Writes to a new database and returns the modes of its files meanwhile."""

    def write_and_get_modes(create):
        engine = create(f"sqlite:///{tmp_path}/shop.db")
        configure_engine(engine)
        with closing(engine.raw_connection()), engine.begin() as connection:
            connection.execute(text("CREATE TABLE a (b)"))
            return get_modes(tmp_path)

    return write_and_get_modes


@pytest.mark.parametrize("create", [create_engine, create_private_engine])
def test_a_fresh_database_can_be_read_by_its_owner_alone(write_and_get_modes, create):
    assert write_and_get_modes(create) == dict.fromkeys(("shop.db", "shop.db-wal", "shop.db-shm"), "0o600")


def test_asking_for_health_first_makes_no_file_for_others(tmp_path, usual_umask):
    with create_private_engine(f"sqlite:///{tmp_path}/shop.db").connect() as connection:
        connection.execute(text("SELECT 1 FROM sqlite_master"))
    assert set(get_modes(tmp_path).values()) <= {"0o600"}


def test_a_database_that_is_there_keeps_its_mode(tmp_path, write_and_get_modes):
    (tmp_path / "shop.db").touch(0o640)
    assert write_and_get_modes(create_engine)["shop.db"] == "0o640"


def test_a_transaction_that_sqlite_has_ended_by_itself_is_an_outage(tmp_path):
    """SQLite ends a transaction when the disk is full; its savepoints are gone then."""
    engine = create_engine(f"sqlite:///{tmp_path}/shop.db")
    configure_engine(engine)
    with engine.connect() as connection:
        savepoint = connection.begin_nested()
        connection.connection.dbapi_connection.execute("ROLLBACK")
        with pytest.raises(OperationalError) as found:
            savepoint.rollback()
    assert isinstance(translate_error(found.value), Unavailable)
