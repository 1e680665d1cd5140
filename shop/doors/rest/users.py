"""The accounts over HAL. Their moves come from their declarations."""

from typing import Any

from marshmallow import fields

from shop.domain.moves import OWNER, STAFF
from shop.domain.user import CUSTOMER, User
from shop.doors.rest.blueprint import Blueprint
from shop.doors.rest.guard import context
from shop.doors.rest.hal import Collection, Document, Time, href
from shop.doors.rest.moves import offer
from shop.services import users as accounts
from shop.services.moves import find
from shop.services.pages import Paging

users = Blueprint("users", __name__, description="The accounts.")


class UserDocument(Document):
    kind, path = User, "/users"

    username = fields.String()
    email = fields.String()
    role = fields.String(metadata={"enum": [CUSTOMER, STAFF]})
    disabled = fields.Boolean()
    created_at = Time()

    def ways(self, user: User) -> dict[str, dict[str, Any]]:
        return {"collection": {"href": href(self.path)}} if STAFF in context().roles() else {}


class UserCollection(Collection):
    document, search = UserDocument, Paging


@users.route("")
@users.needs(STAFF)
@users.arguments(Paging, location="query")
@users.gives(200, UserCollection)
def browse(search: dict[str, Any]) -> Any:
    """List the accounts."""
    return accounts.browse(context(), search)


@users.route("/<id:id>")
@users.needs(OWNER, STAFF)
@users.gives(200, UserDocument)
def get(id: int) -> Any:
    """Look at an account."""
    return find(context(), User, id)


offer(users, UserDocument)
