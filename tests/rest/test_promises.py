"""A link to a move is present exactly when the move would succeed now, for every kind of caller."""

import pytest

from shop.domain.product import Product
from shop.domain.user import User
from shop.hypermedia.links import MOVE_METHODS, get_move_path
from shop.model.moves import get_moves

WORDS = {
    "update": {"email": "new@shop.example"},
    "restock": {"amount": 1},
    "buy": {"quantity": 1},
    "create": {"name": "Mug", "price": 1},
    "register": {"username": "eve", "email": "eve@shop.example", "password": "correct horse"},
}
PRODUCT_WORDS = {**WORDS, "update": {"stock": 3}}


@pytest.fixture
def callers(anonymous, customer, person):
    """Every kind of caller, in relation to the account of `ada`."""
    return {
        "stranger": anonymous,
        "owner": customer,
        "other": person("eva"),
        "staff": person("grace", "staff"),
    }


@pytest.fixture
def state_changes(second_staff, customer):
    """Functions that put the account into each state."""
    account = f"/api/v1/users/{customer.id}"
    return {
        "active": lambda: None,
        "disabled": lambda: second_staff.post(f"{account}/disable"),
        "promoted": lambda: second_staff.post(f"{account}/promote"),
    }


@pytest.fixture
def second_staff(person):
    return person("barbara", "staff")


def is_offered(caller, url, name):
    answer = caller.get(url)
    return answer.status_code == 200 and name in answer.json["_links"]


def follow_move(caller, url, name, words):
    move_url = url + get_move_path(get_moves(User if "/users" in url else Product)[name])
    return caller.call(MOVE_METHODS.get(name, ("POST",))[-1], move_url, json=words.get(name, {})).status_code


@pytest.mark.parametrize("name", [name for name, move in get_moves(User).items() if not move.is_creation])
@pytest.mark.parametrize("state", ["active", "disabled", "promoted"])
@pytest.mark.parametrize("who", ["stranger", "owner", "other", "staff"])
def test_of_an_account(callers, state_changes, customer, who, state, name):
    url = f"/api/v1/users/{customer.id}"
    state_changes[state]()
    promise, status = is_offered(callers[who], url, name), follow_move(callers[who], url, name, WORDS)
    assert (promise, status in (401, 403, 404, 409)) == (status in (200, 204), not promise)


@pytest.mark.parametrize("name", [name for name, move in get_moves(Product).items() if not move.is_creation])
@pytest.mark.parametrize("stock", [0, 12])
@pytest.mark.parametrize("who", ["stranger", "owner", "staff"])
def test_of_a_product(callers, product, who, stock, name):
    desk = f"/api/v1/products/{product(stock=stock)}"
    promise, status = (
        is_offered(callers[who], desk, name),
        follow_move(callers[who], desk, name, PRODUCT_WORDS),
    )
    assert (promise, status in (401, 403, 409)) == (status in (200, 201, 204), not promise)


@pytest.mark.parametrize(("url", "name"), [("/api/v1/products", "create"), ("/api/v1/users", "register")])
@pytest.mark.parametrize("who", ["stranger", "owner", "staff"])
def test_of_the_home(callers, who, url, name):
    promise, status = is_offered(callers[who], "/", name), follow_move(callers[who], url, name, WORDS)
    assert (promise, status in (401, 403)) == (status == 201, not promise)
