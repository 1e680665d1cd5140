"""The resources of the shop: the one list that every door reads."""

from shop.doors.rest.orders import orders
from shop.doors.rest.products import products
from shop.doors.rest.users import users

RESOURCES = (products, users, orders)
