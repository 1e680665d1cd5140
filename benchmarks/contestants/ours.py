"""The shop as shipped, with limits, logs, links and validators; the limits are too high to be reached."""

from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

import requests

from benchmarks import goods
from benchmarks.peers import PASSWORD, USERNAME


def build_url(path: Path) -> str:
    return f"sqlite:///{path}"


def fill(url: str, count: int) -> None:
    goods.finish_background_work(goods.fill_shop(url, count))


def settings(url: str) -> dict[str, str]:
    return {"SHOP_SECRET_KEY": token_hex(32), "SHOP_DATABASE_URL": url,
            "SHOP_RATE_LIMIT": "1000000/second", "SHOP_LOGIN_RATE_LIMIT": "1000000/second",
            "SHOP_MAX_UNPAID_ORDERS": "1000000", "SHOP_ACCESS_TOKEN_SECONDS": "86400"}  # fmt: skip


def log_in(root: str) -> dict[str, str]:
    """Register a customer, log it in and return its headers."""
    login = {"username": USERNAME, "password": PASSWORD}
    requests.post(f"{root}/users", json={**login, "email": "grace@shop.example"}, timeout=10)
    answer = requests.post(f"{root}/tokens", json=login, timeout=10)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def place_own_order(root: str, headers: dict[str, str], number: int) -> str:
    """Place an order of two lines and return its path."""
    lines = {"items": [{"product_id": id, "quantity": 1} for id in (number + 1, number + 2)]}
    answer = requests.post(f"{root}/orders", json=lines, headers=headers, timeout=10)
    return urlsplit(answer.headers["Location"]).path.removeprefix(urlsplit(root).path)
