"""The shop as shipped, with limits, logs, links and validators; the rate limit is too high to be reached."""

from pathlib import Path
from secrets import token_hex

import requests

from benchmarks import goods


def build_url(path: Path) -> str:
    return f"sqlite:///{path}"


def fill(path: Path, count: int) -> None:
    goods.fill_shop(build_url(path), count)


def environ(path: Path) -> dict[str, str]:
    return settings(build_url(path))


def settings(url: str) -> dict[str, str]:
    return {"SHOP_SECRET_KEY": token_hex(32), "SHOP_DATABASE_URL": url,
            "SHOP_RATE_LIMIT": "1000000/second", "SHOP_MAX_UNPAID_ORDERS": "1000000",
                "SHOP_ACCESS_TOKEN_SECONDS": "86400"}  # fmt: skip


def log_in(root: str) -> dict[str, str]:
    """Log a new customer in and return its headers."""
    login = {"username": "grace", "password": token_hex(12)}
    requests.post(f"{root}/users", json={**login, "email": "grace@shop.example"}, timeout=10)
    answer = requests.post(f"{root}/tokens", json=login, timeout=10)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}
