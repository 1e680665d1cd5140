"""One rule decides who may see an entity: it is in a list exactly when it can be read by its id."""

import pytest

from shop.domain.order import Order
from shop.domain.product import Product
from shop.domain.user import User
from shop.model.entity import now
from shop.model.moves import STAFF
from shop.storage.transactions import Actor, Context


@pytest.fixture
def entities(session):
    """Two users, one of them erased, an order of each, and two products, one of them retired."""
    users = [User(id=1, username="ada"), User(id=2, erased_at=now())]
    products = [
        Product(name="Desk", description="", price=1, stock=1, retired_at=retired)
        for retired in (None, now())
    ]
    orders = [Order(user_id=id, total=1, currency="USD") for id in (1, 2)]
    for entities in (users, products, orders):
        session.add_all(entities)
        session.flush()
    return [*users, *products, *orders]


@pytest.mark.parametrize(
    ("actor", "visible"),
    [
        (None, ["Desk"]),
        (Actor(1, "customer", ""), ["user 1", "Desk", "order of 1"]),
        (Actor(2, "customer", ""), ["Desk", "order of 2"]),
        (Actor(3, STAFF, ""), ["user 1", "Desk", "order of 1", "order of 2"]),
    ],
)
def test_a_caller_sees_the_same_in_a_list_and_one_by_one(session, entities, actor, visible):
    ctx = Context(session, actor)
    listed = [
        entity for kind in (User, Product, Order) for entity in session.scalars(ctx.select_visible(kind))
    ]
    assert [entity for entity in entities if ctx.can_see(entity)] == listed
    assert [describe(entity) for entity in listed] == visible


def describe(entity):
    names = {User: "user {0.id}", Product: "{0.name}", Order: "order of {0.user_id}"}
    return names[type(entity)].format(entity)
