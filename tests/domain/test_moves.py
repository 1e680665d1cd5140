"""Who may do what, and when: written out by hand, so that the declarations are not tested against themselves."""

import pytest

from shop.domain.moves import affordances, moves
from shop.domain.product import Product
from shop.domain.user import User

STRANGER = frozenset({"anyone"})
CUSTOMER = frozenset({"anyone", "member", "customer"})
STAFF = frozenset({"anyone", "member", "staff"})
OWNER = CUSTOMER | {"owner"}
STAFF_SELF = STAFF | {"owner"}


def names(entity, roles):
    return {move.name for move in affordances(entity, roles)}


@pytest.mark.parametrize(
    ("roles", "may"),
    [(STRANGER, set()), (CUSTOMER, set()), (STAFF, {"update", "delete", "restock"})],
)
def test_a_product_is_moved_by_staff(roles, may):
    assert names(Product(name="Desk", description="", price=1, stock=1), roles) == may


@pytest.mark.parametrize(
    ("disabled", "role", "roles", "may"),
    [
        (False, "customer", STRANGER, set()),
        (False, "customer", CUSTOMER, set()),
        (False, "customer", OWNER, {"update", "delete"}),
        (False, "customer", STAFF, {"update", "delete", "disable", "promote"}),
        (True, "customer", STAFF, {"update", "delete", "enable", "promote"}),
        (False, "staff", STAFF, {"update", "delete", "disable", "demote"}),
        (True, "staff", STAFF, {"update", "delete", "enable", "demote"}),
        (False, "staff", STAFF_SELF, {"update", "delete"}),
    ],
)
def test_an_account_is_moved_by_its_owner_and_by_staff(disabled, role, roles, may):
    assert names(User(username="ada", disabled=disabled, role=role), roles) == may


@pytest.mark.parametrize(("roles", "may"), [(STRANGER, set()), (CUSTOMER, set()), (STAFF, {"create"})])
def test_staff_add_products(roles, may):
    assert names(Product, roles) == may


@pytest.mark.parametrize("roles", [STRANGER, CUSTOMER, STAFF])
def test_anyone_registers(roles):
    assert names(User, roles) == {"register"}


@pytest.mark.parametrize("kind", [Product, User])
def test_every_move_is_one_word_with_a_title(kind):
    assert all(name.isalpha() and move.title for name, move in moves(kind).items())
