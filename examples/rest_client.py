"""A client that knows only one URL: it searches, logs in, buys a product and cancels the order.

python examples/rest_client.py http://127.0.0.1:8000/ customer PASSWORD    (`shop demo` prints one)
"""

# ruff: noqa: T201
import sys

from shop.client import Client


def main(url: str, username: str, password: str) -> None:
    with Client(url) as shop:
        for desk in shop.home().submit("search", q="desk", in_stock=True).items():
            print(f"{desk['name']}: {desk['price']}, {desk['stock']} left")
        home = shop.login(username, password)
        print(f"Logged in as {home.follow('me')['username']}.")
        desk = next(home.submit("search", q="desk", in_stock=True).items())
        order = desk.submit("buy", quantity=1)
        print(f"Order {order['id']} is {order['status']}: {order['total']} {order['currency']}.")
        order = order.submit("cancel")
        print(f"Order {order['id']} is {order['status']}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
