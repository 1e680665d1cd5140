"""A response is cached only if everything that it was built from was recorded."""

from typing import Any

import pytest
from flask import Flask
from marshmallow import fields, post_dump

from shop.domain.user import User
from shop.hypermedia.blueprint import Blueprint
from shop.hypermedia.callers import get_context
from shop.hypermedia.representations import LinkedSchema
from shop.hypermedia.serializers import RenderContext
from shop.model.errors import Stale
from shop.model.moves import ANYONE

BACKENDS = ["sqlite"]


class Count(LinkedSchema):
    count = fields.Integer()

    def links(self, thing: Any, _: RenderContext) -> dict[str, Any]:
        return {}


@pytest.fixture
def app_with_views(variant) -> Flask:
    """A shop with a public view that reads through the session, and one that fails outside of a move."""
    app, extra = variant(), Blueprint("extra", __name__)

    @extra.route("/count")
    @extra.needs(ANYONE)
    @extra.gives(200, Count, public=True)
    def count() -> Any:
        return type("Thing", (), {"count": get_context().session.query(User).count()})

    @extra.route("/stale")
    @extra.needs(ANYONE)
    @extra.gives(200, Count)
    def stale() -> Any:
        raise Stale("It was changed since you read it.", tag="1-2")

    app.register_blueprint(extra, url_prefix="/api/v1/extra")
    return app


def test_an_answer_that_was_read_by_the_session_is_not_kept(app_with_views, person):
    before = app_with_views.test_client().get("/api/v1/extra/count").json["count"]
    person("ada")
    assert app_with_views.test_client().get("/api/v1/extra/count").json["count"] == before + 1


def test_a_stale_version_outside_of_a_move_is_a_412(app_with_views):
    answer = app_with_views.test_client().get("/api/v1/extra/stale")
    assert (answer.status_code, answer.json["_etag"]) == (412, '"1-2"')


def test_an_answer_that_replaces_another_is_counted_once(app, client, staff, desk):
    client.get(desk)
    size = app.wsgi_app.size
    for price in range(1, 6):
        staff.patch(desk, {"price": price})
        client.get(desk)
    assert app.wsgi_app.size - size < 100


def test_a_representation_with_a_data_key_is_refused():
    with pytest.raises(TypeError, match="data_key"):
        type("Renamed", (Count,), {"count": fields.Integer(data_key="number")})()


def test_a_representation_with_a_hook_is_refused():
    with pytest.raises(TypeError, match="hooks"):
        type("Hooked", (Count,), {"change": post_dump(lambda self, data, **_: data)})()


def test_the_words_of_a_list_are_those_of_a_list(client):
    document = client.get("/openapi/v1.json").json["components"]["schemas"]["ProductCollection"]["properties"]
    assert "cost" not in document["total"]["description"]
