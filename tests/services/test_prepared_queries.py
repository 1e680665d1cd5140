"""Prepared queries find what the same statements find, and fragments are kept only where they may be."""

from datetime import datetime

import orjson
import pytest
from sqlalchemy import bindparam, select

from shop.domain.product import Product
from shop.hypermedia import fragments
from shop.hypermedia.fragments import FragmentCache
from shop.model.entity import now
from shop.storage.prepared_queries import PreparedQuery, prepare_insert
from shop.storage.recorded_queries import Recording
from shop.storage.transactions import Actor, Context
from tests.conftest import Person

BACKENDS = ["sqlite", "postgresql"]
COLUMNS = (
    "name",
    "name_key",
    "description",
    "words",
    "price",
    "stock",
    "created_at",
    "updated_at",
    "version",
)
INSERT = prepare_insert(Product.__table__, *COLUMNS, returning=Product.__table__.c.id)
CHEAP_ONES = PreparedQuery(
    select(Product.name).where(Product.price <= bindparam("most"), Product.created_at <= bindparam("at"))
)


def build_row(name: str, price: int) -> dict:
    texts = {"name": name, "name_key": name, "description": "", "words": name}
    return {**texts, "price": price, "stock": 1, "created_at": now(), "updated_at": now(), "version": 1}


@pytest.fixture
def connection(session):
    with session.begin():
        yield session.connection()


def test_what_was_inserted_is_found_by_other_values_each_time(connection) -> None:
    INSERT.run_many(connection, [build_row("pot", 5), build_row("pan", 9)])
    found = [CHEAP_ONES.run(connection, most=most, at=now()).scalars().all() for most in (4, 5, 9)]
    assert found == [[], ["pot"], ["pot", "pan"]]


def test_an_insert_returns_the_id(connection) -> None:
    ids = [INSERT.run(connection, **build_row("pot", 5)).scalar_one() for _ in range(2)]
    assert ids[1] == ids[0] + 1


def test_a_value_that_is_missing_finds_nothing_by_accident(connection) -> None:
    INSERT.run(connection, **build_row("pot", 5))
    assert CHEAP_ONES.run(connection, at=now()).all() == []


def test_times_of_rows_are_converted_when_they_are_looked_at(app, staff: Person) -> None:
    from shop.services.products import get_product

    staff.post("/api/v1/products", {"name": "Pot", "price": 5, "stock": 1})
    with app.app_context():
        row = get_product(Context(app.extensions["sqlalchemy"].session()), 1)
    assert isinstance(row.created_at, datetime)
    assert row.created_at.tzinfo is not None


class TestContext:
    def test_that_asks_for_roles_alone_is_not_personal(self, session) -> None:
        ctx = Context(session, Actor(7, "customer"))
        ctx.get_roles()
        assert not ctx.recording.is_personal

    def test_that_looks_at_the_actor_is_personal(self, session) -> None:
        ctx = Context(session, Actor(7, "customer"))
        assert (ctx.actor.id, ctx.recording.is_personal) == (7, True)

    def test_that_compares_an_owner_is_personal(self, session) -> None:
        class Owned:
            owner_id = 8

        ctx = Context(session, Actor(7, "customer"))
        ctx.get_roles(Owned())
        assert ctx.recording.is_personal

    def test_that_reads_by_the_session_is_not_complete(self, session) -> None:
        ctx = Context(session)
        assert ctx.recording.is_complete
        assert ctx.session is session
        assert not ctx.recording.is_complete

    def test_gives_its_connection_back_before_the_session_takes_one(self, session) -> None:
        ctx, pool = Context(session, keeps_connection=True), session.get_bind().pool
        ctx.fetch_rows(CHEAP_ONES, most=1, at=now())
        held = pool.checkedout()
        ctx.session.connection()
        assert (held, pool.checkedout()) == (1, 1)


class TestFragments:
    def test_are_written_once(self) -> None:
        cache, written = FragmentCache(), []
        for _ in range(2):
            text = cache.serialize(("key",), ("row",), lambda: written.append(1) or {"n": 1}, Recording())
            assert orjson.dumps(text) == b'{"n":1}'
        assert written == [1]

    @pytest.mark.parametrize("change", [{"is_personal": True}, {"is_complete": False}])
    def test_that_look_at_more_are_not_kept(self, change) -> None:
        cache, recording = FragmentCache(), Recording()

        def write() -> dict:
            vars(recording).update(change)
            return {}

        cache.serialize(("key",), ("row",), write, recording)
        assert (cache.known, vars(recording) | change) == ({}, vars(recording))

    def test_are_dropped_before_they_take_too_much_room(self, monkeypatch) -> None:
        monkeypatch.setattr(fragments, "MAX_BYTES", 5000)
        cache = FragmentCache()
        for number in range(50):
            cache.serialize(("key",), ("row", number), lambda number=number: {"n": number}, Recording())
        assert len(cache.known) == 4
        assert cache.size <= 5000
