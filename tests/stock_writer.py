"""A process that changes the stock repeatedly, and sometimes rolls a change back.

python -m tests.stock_writer URL STAFF PRODUCT COUNT
"""

import sys
from contextlib import suppress

from shop.app import create_app
from shop.domain.product import Product
from shop.storage.execution import execute
from shop.storage.transactions import Actor, Context
from tests.conftest import settings_for


class RollBack(Exception):
    pass


def main(url: str, staff: str, product: str, count: str) -> None:
    app = create_app(settings_for(url))
    with app.app_context():
        ctx = Context(app.extensions["sqlalchemy"].session(), Actor(int(staff), "staff", ""))
        for number in range(int(count)):
            execute(ctx, Product, int(product), "restock", {"amount": 1})
            if number % 5 == 0:
                with suppress(RollBack):
                    change_and_roll_back(ctx, int(product))


def change_and_roll_back(ctx: Context, product: int) -> None:
    with ctx.transaction() as session:
        execute(ctx, Product, product, "restock", {"amount": 1})
        with suppress(RollBack), session.begin_nested():
            execute(ctx, Product, product, "restock", {"amount": 1})
            raise RollBack
        raise RollBack


if __name__ == "__main__":
    main(*sys.argv[1:])
