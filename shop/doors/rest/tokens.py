"""Logging in, staying in, logging out."""

import re
from typing import Any

from marshmallow import fields

from shop.domain.user import Credentials, Refresh
from shop.doors.login_limits import limit_failed_logins
from shop.hypermedia.blueprint import Blueprint
from shop.hypermedia.callers import build_anonymous_context, find_address, get_context
from shop.hypermedia.forms import build_form
from shop.hypermedia.input import read_hidden_members
from shop.hypermedia.links import Links, Node, build_profile_link
from shop.hypermedia.representations import LinkedSchema
from shop.hypermedia.serializers import RenderContext, describe
from shop.hypermedia.url_scope import build_url
from shop.model.moves import ANYONE, MEMBER
from shop.runtime import get_signer
from shop.services import tokens as service
from shop.storage.transactions import Actor

URL = re.compile(r"[!-~]{1,1000}")  # without spaces
JWT_EXAMPLE = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"

tokens = Blueprint("tokens", __name__, description="Logging in and out.")


def build_login_form() -> Node:
    return build_form("Log in", "POST", build_url("/tokens"), Credentials())


def build_refresh_form(token: str) -> Node:
    here = build_url("/tokens/refresh")
    return build_form("Renew both tokens", "POST", here, Refresh(), refresh_token=token)


def build_logout_form() -> Node:
    return build_form("Log out", "DELETE", build_url("/tokens/current"))


def build_account_link(actor: Actor) -> Node:
    return {"href": build_url(f"/users/{actor.id}"), "title": f"{actor.name} ({actor.role})"}


def build_return_link() -> Links:
    """Return a link to where the login began, if a form says so; it never leads outside of the API."""
    place = read_hidden_members().get("_return")
    is_inside = isinstance(place, str) and place.startswith(build_url("/")) and URL.fullmatch(place)
    return {"return": {"href": place, "title": "Back"}} if is_inside else {}


class TokenRepresentation(LinkedSchema):
    rels = {
        "me": "The account.",
        "refresh": "POST the refresh_token.",
        "logout": "DELETE ends the login.",
        "return": "Where the login began.",
    }

    access_token = fields.String(metadata=describe("Send it as Authorization: Bearer.", example=JWT_EXAMPLE))
    token_type = fields.Constant("Bearer", metadata=describe("How to send it."))
    expires_in = fields.Integer(
        metadata=describe("How long the access token lives, in seconds.", example=900)
    )
    refresh_token = fields.String(
        metadata=describe("Good for one new pair; spent twice, it ends the login.", example=JWT_EXAMPLE)
    )

    def links(self, obj: service.TokenPair, frame: RenderContext) -> Links:
        return {
            "self": {"href": build_url("/tokens/current")},  # halchemy reads no HAL without it
            "me": build_account_link(obj.actor),
            "profile": build_profile_link("token"),
            "refresh": {"href": build_url("/tokens/refresh"), "title": "Renew both tokens"},
            "logout": {"href": build_url("/tokens/current"), "title": "Log out"},
            **build_return_link(),
        }

    def templates(self, obj: service.TokenPair, frame: RenderContext) -> dict[str, Node]:
        return {"refresh": build_refresh_form(obj.refresh_token), "logout": build_logout_form()}


@tokens.route("", methods=["POST"])
@tokens.needs(ANYONE)
@tokens.arguments(Credentials)
@tokens.gives(200, TokenRepresentation)
@tokens.without_key
@tokens.takes_hidden(_return="Where the login began; the answer links back to it.")
@tokens.may_fail(403)
def login(data: dict[str, str]) -> Any:
    """Log in."""
    with limit_failed_logins(data["username"]):
        return service.log_in(build_anonymous_context(), get_signer(), find_address(), **data)


@tokens.route("/refresh", methods=["POST"])
@tokens.needs(ANYONE)
@tokens.arguments(Refresh)
@tokens.gives(200, TokenRepresentation)
@tokens.without_key
def refresh(data: dict[str, str]) -> Any:
    """Renew both tokens; the old ones are spent."""
    return service.refresh_tokens(build_anonymous_context(), get_signer(), **data)


@tokens.route("/current", methods=["DELETE"])
@tokens.needs(MEMBER)
@tokens.gives(204)
def logout() -> None:
    """Log out: both tokens end at once."""
    service.log_out(get_context())
