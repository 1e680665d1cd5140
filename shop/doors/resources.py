"""The resources of the shop: the one list that every door reads."""

from shop.doors.rest.drafts import drafts
from shop.doors.rest.hooks import deliveries, hooks
from shop.doors.rest.orders import orders
from shop.doors.rest.products import products
from shop.doors.rest.users import users
from shop.hypermedia.resources import Resource
from shop.model.entity import Entity

RESOURCES = (products, users, orders, drafts, hooks, deliveries)


def find_resource(kind: type[Entity]) -> Resource:
    return next(resource for resource in RESOURCES if resource.kind is kind)
