"""Every entity has all the parts that it needs; each missing part is named."""

import pkgutil
from importlib import import_module

import pytest
from marshmallow import fields

import shop.domain
from shop.doors.resources import RESOURCES
from shop.hypermedia.app import create_service
from shop.hypermedia.callers import bearer_keys
from shop.hypermedia.representations import Representation
from shop.hypermedia.resources import Resource
from shop.model.entity import Entity
from shop.model.moves import get_moves
from tests.conftest import KEY

for module in pkgutil.iter_modules(shop.domain.__path__):
    import_module(f"shop.domain.{module.name}")
ENTITIES = [
    kind for kind in Entity.__subclasses__() if kind.__module__.startswith("shop.") and get_moves(kind)
]


@pytest.mark.parametrize("kind", ENTITIES, ids=lambda kind: kind.__name__)
def test_every_entity_with_moves_is_a_resource(kind):
    listed = kind in [resource.kind for resource in RESOURCES]
    assert listed, f"{kind.__name__} has moves, but no line in doors/resources.py"


def test_a_member_without_a_description_stops_the_start(tmp_path):
    class Undescribed(Representation):
        stars = fields.Integer()

    product = next(each.kind for each in RESOURCES)
    undescribed = Resource(product, path="/things", description="Things.", representation=Undescribed)
    url = f"sqlite:///{tmp_path / 'silent.db'}"
    with pytest.raises(TypeError, match=r"Undescribed\.stars has no description"):
        create_service(
            "Silence", resources=[undescribed], identify=bearer_keys({}), database_url=url, secret_key=KEY
        )
