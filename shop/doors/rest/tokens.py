"""Logging in, staying in, logging out."""

from typing import Any

from marshmallow import fields

from shop.domain.user import Credentials, Refresh
from shop.doors.rate_limits import limit_failed_logins
from shop.doors.request_context import anonymous_context, find_address, get_context, get_signer
from shop.doors.rest import forms
from shop.doors.rest.blueprint import Blueprint
from shop.doors.rest.representations import LinkedSchema, account_link, profile_link
from shop.doors.rest.serializers import RenderContext
from shop.doors.rest.url_scope import build_url
from shop.model.moves import ANYONE, MEMBER
from shop.services import tokens as service

tokens = Blueprint("tokens", __name__, description="Logging in and out.")


class TokenDocument(LinkedSchema):
    access_token = fields.String()
    token_type = fields.Constant("Bearer")
    expires_in = fields.Integer(metadata={"description": "Seconds."})
    refresh_token = fields.String()

    def links(self, pair: service.TokenPair, _: RenderContext) -> dict[str, dict[str, Any]]:
        return {
            "self": {"href": build_url("/tokens/current")},  # halchemy takes nothing for HAL that has none
            "me": account_link(pair.actor),
            "profile": profile_link("token"),
            "refresh": {"href": build_url("/tokens/refresh"), "title": "Renew both tokens"},
            "logout": {"href": build_url("/tokens/current"), "title": "Log out"},
        }

    def templates(self, pair: service.TokenPair) -> dict[str, dict[str, Any]]:
        return {"refresh": forms.build_refresh_form(pair.refresh_token), "logout": forms.build_logout_form()}


@tokens.route("", methods=["POST"])
@tokens.needs(ANYONE)
@tokens.arguments(Credentials)
@tokens.gives(200, TokenDocument)
def login(data: dict[str, str]) -> Any:
    """Log in."""
    with limit_failed_logins(data["username"]):
        return service.log_in(anonymous_context(), get_signer(), find_address(), **data)


@tokens.route("/refresh", methods=["POST"])
@tokens.needs(ANYONE)
@tokens.arguments(Refresh)
@tokens.gives(200, TokenDocument)
def refresh(data: dict[str, str]) -> Any:
    """Renew both tokens; the old ones are spent."""
    return service.refresh_tokens(anonymous_context(), get_signer(), **data)


@tokens.route("/current", methods=["DELETE"])
@tokens.needs(MEMBER)
@tokens.gives(204)
def logout() -> None:
    """Log out: both tokens are dead at once."""
    service.log_out(get_context())
