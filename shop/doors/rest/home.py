"""The home of the shop: what it links to beside its resources."""

from typing import Any

from marshmallow import fields

from shop.doors.rest.changes import build_changes_link
from shop.doors.rest.tokens import build_account_link, build_login_form, build_logout_form
from shop.hypermedia import home
from shop.hypermedia.links import Links, Node
from shop.hypermedia.runtime import get_settings
from shop.hypermedia.serializers import RenderContext, describe
from shop.hypermedia.url_scope import build_url


class HomeRepresentation(home.HomeRepresentation):
    rels = {
        "changes": "What changed in the catalogue, in order: a URI template (RFC 6570).",
        "login": "POST a username and a password; the answer holds tokens.",
        "logout": "DELETE ends the login: both tokens are dead at once.",
        "me": "The account of the caller.",
    }

    currency = fields.Function(
        lambda _: str(get_settings().currency),
        metadata={"type": "string", **describe("The currency of all prices, by ISO 4217.", example="USD")},
    )

    def extra_links(self, frame: RenderContext) -> Links:
        links = {
            "changes": build_changes_link(),
            "login": {"href": build_url("/tokens"), "title": "Log in"},
        }
        if actor := frame.context.actor:
            links["me"] = build_account_link(actor)
            links["logout"] = {"href": build_url("/tokens/current"), "title": "Log out"}
        return links

    def extra_templates(self, frame: RenderContext) -> dict[str, Node]:
        logout: dict[str, Any] = {"logout": build_logout_form()} if frame.context.actor else {}
        return {"login": build_login_form(), **logout}
