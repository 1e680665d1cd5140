"""The context of a use case of the shop: that of any service, with the limits of this one."""

from dataclasses import dataclass

from shop.storage.transactions import Context


@dataclass(frozen=True)
class ShopContext(Context):
    max_unpaid_orders: int = 100
