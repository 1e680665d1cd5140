"""Permissions and states of all moves, written by hand, so that the declarations are not tested against themselves."""

import pytest

from shop.domain.order import Order
from shop.domain.product import Product
from shop.domain.user import User
from shop.model.errors import Conflict
from shop.model.moves import find_available_moves, get_moves

STRANGER = frozenset({"anyone"})
CUSTOMER = frozenset({"anyone", "member", "customer"})
STAFF = frozenset({"anyone", "member", "staff"})
OWNER = CUSTOMER | {"owner"}
STAFF_SELF = STAFF | {"owner"}


def find_move_names(entity, roles):
    return {move.name for move in find_available_moves(entity, roles)}


@pytest.mark.parametrize(
    ("roles", "may"),
    [(STRANGER, set()), (CUSTOMER, {"buy"}), (STAFF, {"update", "delete", "restock", "buy"})],
)
def test_a_product_is_bought_by_all_and_moved_by_staff(roles, may):
    assert find_move_names(Product(name="Desk", description="", price=1, stock=1), roles) == may


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
    assert find_move_names(User(username="ada", disabled=disabled, role=role), roles) == may


@pytest.mark.parametrize(("roles", "may"), [(STRANGER, set()), (CUSTOMER, set()), (STAFF, {"create"})])
def test_staff_add_products(roles, may):
    assert find_move_names(Product, roles) == may


@pytest.mark.parametrize("roles", [STRANGER, CUSTOMER, STAFF])
def test_anyone_registers(roles):
    assert find_move_names(User, roles) == {"register"}


@pytest.mark.parametrize("kind", [Product, User, Order])
def test_every_move_is_one_word_with_a_title(kind):
    assert all(name.isalpha() and move.title for name, move in get_moves(kind).items())


@pytest.mark.parametrize(
    ("status", "roles", "may"),
    [
        ("placed", STRANGER, set()),
        ("placed", CUSTOMER, set()),
        ("placed", OWNER, {"cancel"}),
        ("placed", STAFF, {"pay", "cancel"}),
        ("placed", STAFF_SELF, {"pay", "cancel"}),
        ("paid", OWNER, set()),
        ("paid", STAFF, {"ship", "refund"}),
        ("shipped", OWNER, {"deliver"}),
        ("shipped", STAFF, {"deliver"}),
        ("delivered", OWNER, set()),
        ("delivered", STAFF, set()),
        ("cancelled", OWNER, set()),
        ("cancelled", STAFF, set()),
        ("refunded", OWNER, set()),
        ("refunded", STAFF, set()),
    ],
)
def test_an_order_goes_one_way(status, roles, may):
    assert find_move_names(Order(status=status), roles) == may


@pytest.mark.parametrize(("roles", "may"), [(STRANGER, set()), (CUSTOMER, {"create"}), (STAFF, {"create"})])
def test_members_place_orders(roles, may):
    assert find_move_names(Order, roles) == may


@pytest.mark.parametrize(
    ("move", "words", "before", "after"),
    [
        ("pay", {"reference": "x"}, "placed", "paid"),
        ("ship", {"tracking": "x"}, "paid", "shipped"),
        ("deliver", {}, "shipped", "delivered"),
        ("cancel", {}, "placed", "cancelled"),
        ("refund", {}, "paid", "refunded"),
    ],
)
class TestAMoveOfAnOrder:
    def test_leads_from_one_state_to_one(self, move, words, before, after):
        order = Order(status=before)
        getattr(order, move)(**words)
        assert order.status == after

    def test_is_held_to_its_state_whoever_calls_it(self, move, words, before, after):
        with pytest.raises(Conflict):
            getattr(Order(status=after), move)(**words)


@pytest.mark.parametrize(
    ("move", "status", "message"),
    [
        ("cancel", "paid", "Cannot cancel: the order is already paid."),
        ("cancel", "delivered", "Cannot cancel: the order is already delivered."),
        ("ship", "placed", "Cannot ship: the order is not paid yet."),
        ("deliver", "paid", "Cannot deliver: the order is not shipped yet."),
        ("refund", "cancelled", "Cannot refund: the order is cancelled."),
    ],
)
def test_a_refusal_says_in_which_state_the_entity_is(move, status, message):
    order = Order(status=status)
    assert get_moves(Order)[move].state_error(order).detail == message
