"""The shop as shipped: limits, logs, links and validators are on; the limit is where no run reaches it."""

from pathlib import Path
from secrets import token_hex

import requests

from benchmarks import goods


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def fill(path: Path, count: int) -> None:
    goods.stocked(url(path), count)


def environ(path: Path) -> dict[str, str]:
    return settings(url(path))


def settings(url: str) -> dict[str, str]:
    return {"SHOP_SECRET_KEY": token_hex(32), "SHOP_DATABASE_URL": url,
            "SHOP_RATE_LIMIT": "1000000/second", "SHOP_MAX_UNPAID_ORDERS": "1000000",
                "SHOP_ACCESS_TOKEN_SECONDS": "86400"}  # fmt: skip


def account(root: str) -> dict[str, str]:
    """What a customer sends who has logged in."""
    login = {"username": "grace", "password": token_hex(12)}
    requests.post(f"{root}/users", json={**login, "email": "grace@shop.example"}, timeout=10)
    answer = requests.post(f"{root}/tokens", json=login, timeout=10)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}
