"""The settings, read once from the environment or a .env file; a bad one stops the start."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from difflib import get_close_matches
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values
from limits import parse_many
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shop.model.money import Currency

WEAK = re.compile("change.?me|secret|passw|example|12345678|abcdefgh|qwerty", re.IGNORECASE)
HOST = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*(:\d{1,5})?|\[[0-9a-f:.]+\](:\d{1,5})?", re.IGNORECASE)


class SettingsError(Exception):
    """One line: the setting, what it held (secrets excepted) and what is allowed."""


def keys(text: str) -> tuple[str, ...]:
    found = names(text)
    if not found or any(weak(key) for key in found):
        raise ValueError
    return found


def weak(key: str) -> bool:
    """Too short, or nothing that a generator would have made."""
    repeats = key in (key + key)[1:-1]
    return len(key.encode()) < 32 or len(set(key)) < 8 or repeats or bool(WEAK.search(key))


def database(text: str) -> str:
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError from None
    if url.get_backend_name() == "sqlite":
        if url.drivername not in ("sqlite", "sqlite+pysqlite") or url.host or url.query:
            raise ValueError
        if not url.database or url.database.startswith((":", "file:")):
            raise ValueError
        # A relative path is meant from here, and not from the folder that Flask calls its instance.
        return url.set(database=str(Path(url.database).absolute())).render_as_string()
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise ValueError
    demand("psycopg", "postgres")
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def redis(text: str) -> str:
    if not text:
        return text
    parts = urlsplit(text)
    if parts.scheme not in ("redis", "rediss", "unix") or parts.port == 0:
        raise ValueError
    demand("redis", "redis")
    return text


def demand(module: str, extra: str) -> None:
    if find_spec(module) is None:
        raise SettingsError(f"this needs an extra that is not installed: pip install '.[{extra}]'")


def origin(text: str) -> str:
    if not text:
        return text
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError
    if re.search(r"[\s?#@\"<>\\]", text):
        raise ValueError
    return text.rstrip("/")


def names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def origins(text: str) -> tuple[str, ...]:
    """What browsers send as Origin: without a path, and in small letters."""
    found = tuple(origin(part).lower() for part in names(text))
    if any(urlsplit(each).path for each in found):
        raise ValueError
    return found


def hosts(text: str) -> tuple[str, ...]:
    found = names(text)
    if not all(HOST.fullmatch(host) for host in found):
        raise ValueError
    return found


def proxy(text: str) -> str:
    return text if text in ("", "*") else str(ip_address(text))


def rate(text: str) -> str:
    if any(limit.amount < 1 for limit in parse_many(text)):
        raise ValueError
    return text


def whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return read


def choice(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError
        return text

    return read


def metrics_port(text: str) -> int:
    if not text:
        return 0
    demand("prometheus_client", "metrics")
    return whole(1, 65_535)(text)


def file(text: str) -> str:
    if text and not (Path(text).is_file() and os.access(text, os.R_OK)):
        raise ValueError
    return text


def day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def switch(text: str) -> bool:
    return {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}[text.lower()]


def setting(default: str | None, read: Callable[[str], Any], allowed: str, *, secret: bool = False) -> Any:
    return field(metadata={"default": default, "read": read, "allowed": allowed, "secret": secret})


@dataclass(frozen=True, kw_only=True)
class Settings:
    secret_key: tuple[str, ...] = setting(
        None, keys, "random keys of 32 bytes or more, comma-separated, newest first", secret=True
    )
    database_url: str = setting(
        "sqlite:///shop.db", database, "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME", secret=True
    )
    redis_url: str = setting("", redis, "empty, or redis://HOST:PORT/0", secret=True)
    public_url: str = setting("", origin, "empty, or the URL the world knows, such as https://shop.example")
    trusted_hosts: tuple[str, ...] = setting("", hosts, "empty, or host names, comma-separated")
    trusted_proxy: str = setting("", proxy, "empty, the IP address of the proxy in front, or * for any")
    rate_limit: str = setting("300/minute", rate, "COUNT/second, minute, hour or day")
    login_rate_limit: str = setting("10/minute", rate, "COUNT/second, minute, hour or day")
    cache_seconds: int = setting("0", whole(0, 86_400), "0 to 86400")
    currency: Currency = setting("USD", Currency, "a currency of ISO 4217, such as USD, EUR or JPY")
    require_if_match: bool = setting("off", switch, "on or off")
    v1_sunset: date | None = setting("", day, "empty, or the last day of v1, such as 2027-12-31")
    cors_origins: tuple[str, ...] = setting("", origins, "empty, or origins such as https://app.example")
    access_token_seconds: int = setting("900", whole(30, 86_400), "30 to 86400")
    refresh_token_seconds: int = setting("2592000", whole(60, 31_536_000), "60 to 31536000")
    unpaid_hours: int = setting("24", whole(1, 8760), "1 to 8760")
    max_unpaid_orders: int = setting("100", whole(1, 1_000_000), "1 to 1000000")
    changes_days: int = setting("30", whole(1, 3650), "1 to 3650")
    log_level: str = setting(
        "INFO", choice("DEBUG", "INFO", "WARNING", "ERROR"), "DEBUG, INFO, WARNING, ERROR"
    )
    log_format: str = setting("json", choice("json", "text"), "json or text")
    graphql_introspection: bool = setting("on", switch, "on or off")
    graphiql: bool = setting("on", switch, "on or off")
    grpc_certificate: str = setting("", file, "empty, or a file that can be read")
    grpc_key: str = setting("", file, "empty, or a file that can be read")
    grpc_client_ca: str = setting("", file, "empty, or a file that can be read")
    grpc_reflection: bool = setting("on", switch, "on or off")
    threads: int = setting("8", whole(1, 64), "1 to 64")
    metrics_port: int = setting("", metrics_port, "empty, or a port: 1 to 65535")
    workers: int = setting("1", whole(1, 64), "1 to 64")


def variable(name: str) -> str:
    return "SHOP_" + name.upper()


def read_settings(environ: Mapping[str, str] | None = None, dotenv: Path = Path(".env")) -> Settings:
    if environ is None:
        environ = {**written(dotenv), **os.environ}
    refuse_unknown(environ)
    return Settings(**{each.name: value_of(each, environ) for each in fields(Settings)})


def written(dotenv: Path) -> dict[str, str]:
    """What a .env file says; passwords hold dollars, so nothing in it is expanded."""
    try:
        found = dotenv_values(dotenv, interpolate=False) if dotenv.is_file() else {}
    except UnicodeDecodeError:
        raise SettingsError(f"{dotenv} is not text in UTF-8") from None
    return {name: value or "" for name, value in found.items()}


def value_of(each: Any, environ: Mapping[str, str]) -> Any:
    name, meta = variable(each.name), each.metadata
    text = environ.get(name, meta["default"])
    if text is None or (meta["default"] is None and not text.strip()):
        raise SettingsError(f"{name} is missing; it must be {meta['allowed']} (`shop init` writes one)")
    try:
        return meta["read"](text.strip())
    except SettingsError as error:
        raise SettingsError(f"{name}: {error}") from None
    except (ValueError, KeyError):
        held = "a value that is not shown" if meta["secret"] else repr(text[:100])
        raise SettingsError(f"{name} holds {held}; allowed: {meta['allowed']}") from None


def refuse_unknown(environ: Mapping[str, str]) -> None:
    """A slip of the pen must not pass for a default; what others call SHOP_ is none of our business."""
    known = {variable(each.name) for each in fields(Settings)}
    for name in environ:
        meant = get_close_matches(name, known, n=1, cutoff=0.85)
        if name.startswith("SHOP_") and name not in known and meant:
            raise SettingsError(f"{name} is not a setting; {meant[0]} is")
