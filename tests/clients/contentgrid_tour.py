"""The tour of contentgrid-hal-client, which buys and cancels by the forms."""

import json
import os
import sys

from contentgrid_hal_client.hal import HALFormsClient, InteractiveHALResponse
from contentgrid_hal_client.security import PlainAccessTokenApplicationAuthenticationManager

root = sys.argv[1]
HAL, FORMS = "application/hal+json", "application/prs.hal-forms+json"


def follow(client, link, accept=HAL):
    """Follow a link; the client cannot read a form with decimals, such as the search, so it seldom asks for forms."""
    client.headers["Accept"] = accept
    return client.follow_link(link, infer_type=InteractiveHALResponse)


def submit(client, template, **values):
    answer = client.get_method_from_string(template.method.value)(template.target, json=values)
    answer.raise_for_status()
    return InteractiveHALResponse(answer.json(), client)


stranger = HALFormsClient(root, session_cookie="none")
stranger.headers["Accept"] = HAL
home = InteractiveHALResponse(stranger.get(root).json(), stranger)
products = follow(stranger, home.get_link("products")).get_embedded_objects_by_key("item")
search = home.get_link("search")
search.uri = search.expand_template(q="lamp")
found = follow(stranger, search).get_embedded_objects_by_key("item")

credentials = {"username": "ada", "password": os.environ["PASSWORD"]}
tokens = stranger.post(home.get_link("login").uri, json=credentials).json()
manager = PlainAccessTokenApplicationAuthenticationManager(tokens["access_token"], [root])
customer = HALFormsClient(root, auth_manager=manager)
me = follow(customer, InteractiveHALResponse(tokens, customer).get_link("me"))
lamp = follow(customer, found[0].get_self_link(), FORMS)
ordered = submit(customer, lamp.get_template("buy"), quantity=1)
cancelled = submit(customer, ordered.get_template("cancel"))
seen = {
    "browsed": [product.metadata["name"] for product in products],
    "found": [product.metadata["name"] for product in found], "me": me.metadata["username"],
    "ordered": ordered.metadata["status"], "cancelled": cancelled.metadata["status"],
}  # fmt: skip
json.dump(seen, sys.stdout)
