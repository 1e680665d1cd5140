"""Adding a move is one method: the route, the link and the OpenAPI entry follow."""

import pytest
from marshmallow import fields
from sqlalchemy import MetaData
from sqlalchemy.orm import Mapped

from shop.app import create_app
from shop.doors.request_context import get_context
from shop.doors.rest.blueprint import Blueprint
from shop.doors.rest.representations import Representation
from shop.doors.rest.routes import register_moves
from shop.model.entity import Entity
from shop.model.fields import InputSchema, StrictInteger
from shop.model.moves import ANYONE, move
from shop.storage.execution import find_entity
from tests.conftest import settings_for


class Dim(InputSchema):
    percent = StrictInteger(0, 100, required=True)


class Lamp(Entity):
    """A thing that no shop has, with one move."""

    __tablename__ = "lamps"
    metadata = MetaData()

    percent: Mapped[int]

    @move(title="Make it darker", by=ANYONE, when=lambda lamp: lamp.percent > 0, takes=Dim)
    def dim(self, percent: int) -> None:
        self.percent = percent


class LampDocument(Representation):
    kind, path = Lamp, "/lamps"
    percent = fields.Integer()


@pytest.fixture
def client(tmp_path):
    """A shop that has a lamp."""
    lamps = Blueprint("lamps", __name__, description="Lamps.")

    @lamps.route("/<id:id>")
    @lamps.needs(ANYONE)
    @lamps.gives(200, LampDocument)
    def get(id):
        """Look at a lamp."""
        return find_entity(get_context(), Lamp, id)

    register_moves(lamps, LampDocument)
    app = create_app(settings_for(f"sqlite:///{tmp_path / 'lamps.db'}"))
    app.extensions["shop"].apis["v1"].register_blueprint(lamps, url_prefix="/api/v1/lamps", name="v1_lamps")
    with app.app_context():
        db = app.extensions["sqlalchemy"]
        Lamp.metadata.create_all(db.engine)
        db.session.add(Lamp(percent=100))
        db.session.commit()
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
