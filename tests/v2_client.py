"""A client that says to v2 what a test says to v1, so that the whole suite holds for both.

All it translates is what the versions differ in: their name, and how money is written.
"""

import json
from typing import Any

from flask.testing import FlaskClient

MONEY = {"price", "total", "unit_price"}


def labelled(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: labelled(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [labelled(each) for each in value]
    if name == "price" and type(value) in (int, float):
        return {"amount": f"{value:.15g}" if "e" not in f"{value:.15g}" else f"{value:f}", "currency": "USD"}
    return value


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return (
            float(value["amount"])
            if set(value) == {"amount", "currency"}
            else {k: plain(v) for k, v in value.items()}
        )
    return [plain(each) for each in value] if isinstance(value, list) else value


def there(text: str) -> str:
    return text.replace("/api/v1", "/api/v2").replace("vnd.shop.v1", "vnd.shop.v2")


def back(text: str) -> str:
    return text.replace("/api/v2", "/api/v1").replace("vnd.shop.v2", "vnd.shop.v1")


class SecondVersion(FlaskClient):
    def open(self, path: Any = "/", *args: Any, **kwargs: Any) -> Any:
        if not isinstance(path, str):
            return super().open(path, *args, **kwargs)
        if isinstance(kwargs.get("json"), dict | list):
            kwargs["json"] = json.loads(there(json.dumps(labelled(kwargs["json"]))))
        kwargs["headers"] = {name: there(word) for name, word in dict(kwargs.get("headers") or {}).items()}
        response = super().open("/api/v2/" if path == "/" else there(path), *args, **kwargs)
        if response.data and "json" in response.content_type:
            response.data = json.dumps(plain(json.loads(back(response.text))))
        for name in ("Location", "Content-Location", "Content-Type", "Link"):
            if name in response.headers:
                response.headers[name] = back(response.headers[name])
        return response
