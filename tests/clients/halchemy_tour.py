"""The tour of halchemy, in a process of its own: importing it replaces `requests.Session` for everybody."""

import json
import os
import sys

from halchemy import Api

api = Api(sys.argv[1])


def names(collection):
    return [item["name"] for item in collection.embedded_many("item")]


home = api.home.get()
browsed = api.follow(home).to("products").get()
found = api.follow(home).to("search").with_template_values({"q": "lamp"}).get()
tokens = api.follow(home).to("login").post({"username": "ada", "password": os.environ["PASSWORD"]})
api.add_headers({"Authorization": f"Bearer {tokens['access_token']}"})
me = api.follow(tokens).to("me").get()
lamp = api.follow(found).to("self").get().embedded_many("item")[0]
ordered = api.follow(lamp).to("buy").post({"quantity": 1})
cancelled = api.follow(ordered).to("cancel").post({})
seen = {
    "browsed": names(browsed), "found": names(found), "me": me["username"],
    "ordered": ordered["status"], "cancelled": cancelled["status"],
}  # fmt: skip
json.dump(seen, sys.stdout)
