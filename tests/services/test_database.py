"""The file of SQLite: for its owner alone from the first moment."""

import os
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from shop.observability.health import create_private_engine
from shop.storage.database import configure_engine


@pytest.fixture
def usual_umask():
    """What most machines have: what is made may be read by all."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    return {each.name: oct(stat.S_IMODE(each.stat().st_mode)) for each in folder.iterdir()}


@pytest.fixture
def write(tmp_path, usual_umask):
    """The modes of the files of a database while it is written to."""

    def write(make):
        engine = make(f"sqlite:///{tmp_path}/shop.db")
        configure_engine(engine)
        with closing(engine.raw_connection()), engine.begin() as connection:
            connection.execute(text("CREATE TABLE a (b)"))
            return modes(tmp_path)

    return write


@pytest.mark.parametrize("make", [create_engine, create_private_engine])
def test_a_fresh_database_can_be_read_by_its_owner_alone(write, make):
    assert write(make) == dict.fromkeys(("shop.db", "shop.db-wal", "shop.db-shm"), "0o600")


def test_asking_for_health_first_makes_no_file_for_others(tmp_path, usual_umask):
    with create_private_engine(f"sqlite:///{tmp_path}/shop.db").connect() as connection:
        connection.execute(text("SELECT 1 FROM sqlite_master"))
    assert set(modes(tmp_path).values()) <= {"0o600"}


def test_a_database_that_is_there_keeps_its_mode(tmp_path, write):
    (tmp_path / "shop.db").touch(0o640)
    assert write(create_engine)["shop.db"] == "0o640"
