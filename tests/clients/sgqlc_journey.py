"""A journey of sgqlc with the schema that it generated, in a process of its own; prints what it got."""

import json
import os
import sys
from importlib import import_module

from sgqlc.endpoint.http import HTTPEndpoint
from sgqlc.operation import Operation

url, module = sys.argv[1:]
schema = import_module(module)


def execute(operation, token=None):
    """Send an operation with the headers that sgqlc sends by default, and return the typed answer."""
    endpoint = HTTPEndpoint(url, {"Authorization": f"Bearer {token}"} if token else None)
    return operation + endpoint(operation)


query = Operation(schema.Query)
page = query.products(first=2, sort="name")
page.nodes.__fields__("id", "name", "price")
page.page_info.__fields__("has_next_page")
products = execute(query).products

login = Operation(schema.Mutation)
login.login(username="ada", password=os.environ["PASSWORD"]).access_token()
token = execute(login).login.access_token

buy = Operation(schema.Mutation)
order = buy.buy(id=products.nodes[0].id, quantity=2).order()
order.__fields__("status", "total")
bought = execute(buy, token).buy.order

stranger = Operation(schema.Mutation)
stranger.buy(id=products.nodes[0].id, quantity=2).order().status()
refused = HTTPEndpoint(url)(stranger)
json.dump(
    {
        "listed": [product.name for product in products.nodes],
        "more": products.page_info.has_next_page,
        "bought": [bought.status, float(bought.total)],
        "refused": [error["extensions"]["code"] for error in refused["errors"]],
    },
    sys.stdout,
)
