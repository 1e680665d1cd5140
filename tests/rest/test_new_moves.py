"""A new move needs only one method: its route, link and OpenAPI entry are generated."""

import pytest
from marshmallow import fields
from sqlalchemy import MetaData
from sqlalchemy.orm import Mapped

from shop.hypermedia.app import create_service
from shop.hypermedia.callers import bearer_keys, build_anonymous_context
from shop.hypermedia.representations import Representation
from shop.hypermedia.resources import Resource
from shop.hypermedia.serializers import describe
from shop.model.entity import Entity
from shop.model.fields import InputSchema, StrictInteger
from shop.model.moves import ANYONE, move
from tests.conftest import KEY


class Dim(InputSchema):
    percent = StrictInteger(0, 100, required=True)


class Lamp(Entity):
    """An entity that the shop does not have, with one move."""

    __tablename__ = "lamps"
    metadata = MetaData()

    percent: Mapped[int]

    @move(title="Make it darker", by=ANYONE, when=lambda lamp: lamp.percent > 0, takes=Dim)
    def dim(self, percent: int) -> None:
        self.percent = percent


class LampRepresentation(Representation):
    percent = fields.Integer(metadata=describe("How bright it is."))


lamps = Resource(Lamp, path="/lamps", description="All lamps.", representation=LampRepresentation)


@pytest.fixture
def client(tmp_path):
    """A client of a service that has a lamp."""
    url = f"sqlite:///{tmp_path / 'lamps.db'}"
    app = create_service(
        "Lamps", resources=[lamps], identify=bearer_keys({}), database_url=url, secret_key=KEY
    )
    with app.app_context():
        session = build_anonymous_context().session
        session.add(Lamp(percent=100))
        session.commit()
    return app.test_client()


def test_the_move_has_a_route(client):
    assert client.post("/api/v1/lamps/1/dim", json={"percent": 40}).json["percent"] == 40


def test_the_route_reads_the_shape_of_the_move(client):
    assert client.post("/api/v1/lamps/1/dim", json={"percent": 101}).status_code == 400


def test_the_move_has_a_link_with_its_title(client):
    assert client.get("/api/v1/lamps/1").json["_links"]["dim"] == {
        "href": "http://localhost/api/v1/lamps/1/dim",
        "title": "Make it darker",
    }


def test_the_link_is_gone_when_the_move_would_fail(client):
    dark = client.post("/api/v1/lamps/1/dim", json={"percent": 0}).json
    again = client.post("/api/v1/lamps/1/dim", json={"percent": 0})
    assert ("dim" in dark["_links"], again.status_code) == (False, 409)


def test_the_move_is_in_the_openapi_document(client):
    operation = client.get("/openapi/v1.json").json["paths"]["/api/v1/lamps/{id}/dim"]["post"]
    assert operation["summary"] == "Make it darker"
