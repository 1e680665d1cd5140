"""A journey of the package that openapi-python-client generated, in a process of its own; prints what it got."""

import json
import os
import sys
from importlib import import_module

root, package = sys.argv[1:]
shop = import_module(package)
models = import_module(f"{package}.models")


def call(operation, *path, **arguments):
    """Call an operation by its operationId; its module stands in the folder of its tag."""
    module = import_module(f"{package}.api.{operation.split('_')[0]}.{operation}")
    return module.sync_detailed(*path, **arguments)


price = {"amount": "99.99", "currency": "USD"} if package.endswith("v2") else 99.99
stranger = shop.Client(root, raise_on_unexpected_status=True)
credentials = models.Credentials(username="grace", password=os.environ["PASSWORD"])
token = call("tokens_login", client=stranger, body=credentials).parsed
staff = shop.AuthenticatedClient(root, token.access_token, raise_on_unexpected_status=True)

listed = call("products_browse", client=stranger, sort=models.ProductsBrowseSort.NAME).parsed
new = models.NewProduct.from_dict({"name": "Oak shelf", "price": price, "stock": 5})
created = call("products_create", client=staff, body=new)
shelf = created.parsed
etag = created.headers["ETag"]
change = models.NewProductInPart(name="Oak shelves")
patched = call("products_patch", shelf.id, client=staff, body=change, if_match=etag).parsed
stale = call("products_patch", shelf.id, client=staff, body=change, if_match=etag)
line = models.Line(product_id=shelf.id, quantity=2)
order = call("orders_create", client=staff, body=models.NewOrder(items=[line])).parsed
shipped = call("orders_ship", order.id, client=staff, body=models.Shipment(tracking="JD0002"))
deleted = call("products_delete", shelf.id, client=staff)
logged_out = call("tokens_logout", client=staff)
json.dump(
    {
        "listed": [item.name for item in listed.field_embedded.item],
        "created": [created.status_code, created.headers["Location"].endswith(f"/products/{shelf.id}")],
        "patched": {name: patched.to_dict()[name] for name in ("name", "description", "price", "stock")},
        "stale": [stale.status_code, type(stale.parsed).__name__, stale.parsed.title],
        "ordered": [order.status.value, [item.quantity for item in order.items]],
        "shipped": [shipped.status_code, shipped.parsed.detail],
        "deleted": deleted.status_code,
        "logged_out": logged_out.status_code,
    },
    sys.stdout,
)
