"""The context of a use case of the shop: that of any service, with the limits of this one."""

from typing import Any

from shop.storage.transactions import Context


class ShopContext(Context):
    def __init__(
        self, *args: Any, max_unpaid_orders: int = 100, allow_private_hooks: bool = False, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.max_unpaid_orders, self.allow_private_hooks = max_unpaid_orders, allow_private_hooks
