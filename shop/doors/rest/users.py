"""The accounts."""

from marshmallow import fields

from shop.domain.user import CUSTOMER, User
from shop.hypermedia.representations import Representation
from shop.hypermedia.resources import Resource
from shop.hypermedia.serializers import CREATED, Time, describe
from shop.model.moves import OWNER, STAFF
from shop.services.users import select_visible_users

ROLES = [CUSTOMER, STAFF]


class UserRepresentation(Representation):
    username = fields.String(
        metadata=describe("3 to 80 letters, digits, dots, dashes and underscores; unique.", means="name")
    )
    email = fields.String(metadata=describe("Unique."))
    role = fields.String(metadata={"enum": ROLES, **describe("customer or staff.")})
    disabled = fields.Boolean(metadata=describe("Whether staff have closed it."))
    created_at = Time(metadata=CREATED)


users = Resource(
    User,
    path="/users",
    description="All accounts, for staff.",
    representation=UserRepresentation,
    select=select_visible_users,
    listed_for=frozenset({STAFF}),
    shown_for=frozenset({OWNER, STAFF}),
)
