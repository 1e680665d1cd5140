"""A test client that sends the requests of v1 to v2, so that the same tests cover both versions.

It translates the two differences between the versions: their name, and how money is written.
"""

import json
from typing import Any

from flask.testing import FlaskClient

MONEY_FIELDS = {"price", "total", "unit_price"}


def write_money(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: write_money(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [write_money(each) for each in value]
    if name == "price" and type(value) in (int, float):
        return {"amount": f"{value:.15g}" if "e" not in f"{value:.15g}" else f"{value:f}", "currency": "USD"}
    return value


def read_money(value: Any) -> Any:
    if isinstance(value, dict):
        return (
            float(value["amount"])
            if set(value) == {"amount", "currency"}
            else {k: read_money(v) for k, v in value.items()}
        )
    return [read_money(each) for each in value] if isinstance(value, list) else value


def to_v2(text: str) -> str:
    return text.replace("/api/v1", "/api/v2").replace("vnd.shop.v1", "vnd.shop.v2")


def to_v1(text: str) -> str:
    return text.replace("/api/v2", "/api/v1").replace("vnd.shop.v2", "vnd.shop.v1")


class V2Client(FlaskClient):
    def open(self, path: Any = "/", *args: Any, **kwargs: Any) -> Any:
        if not isinstance(path, str):
            return super().open(path, *args, **kwargs)
        if isinstance(kwargs.get("json"), dict | list):
            kwargs["json"] = json.loads(to_v2(json.dumps(write_money(kwargs["json"]))))
        kwargs["headers"] = {name: to_v2(word) for name, word in dict(kwargs.get("headers") or {}).items()}
        response = super().open("/api/v2/" if path == "/" else to_v2(path), *args, **kwargs)
        if response.data and "json" in response.content_type:
            response.data = json.dumps(read_money(json.loads(to_v1(response.text))))
        for name in ("Location", "Content-Location", "Content-Type", "Link"):
            if name in response.headers:
                response.headers[name] = to_v1(response.headers[name])
        return response
