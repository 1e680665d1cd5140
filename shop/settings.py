"""All settings, read once from the environment or a .env file; an invalid value stops the start."""

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

from shop.hypermedia.settings import ServiceSettings
from shop.model.money import Currency
from shop.storage.database import resolve_path

WEAK_KEY_PATTERN = re.compile("change.?me|secret|passw|example|12345678|abcdefgh|qwerty", re.IGNORECASE)
TRUSTED_HOST_PATTERN = re.compile(
    r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*(:\d{1,5})?|\[[0-9a-f:.]+\](:\d{1,5})?", re.IGNORECASE
)


class SettingsError(Exception):
    """One line with the setting, its value (unless it is secret) and the allowed values."""


def parse_keys(text: str) -> tuple[str, ...]:
    values = split_names(text)
    if not values or any(is_weak_key(key) for key in values):
        raise ValueError
    return values


def is_weak_key(key: str) -> bool:
    """Whether a key is too short or does not look random."""
    repeats = key in (key + key)[1:-1]
    return len(key.encode()) < 32 or len(set(key)) < 8 or repeats or bool(WEAK_KEY_PATTERN.search(key))


def parse_database_url(text: str) -> str:
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError from None
    if url.get_backend_name() == "sqlite":
        if url.drivername not in ("sqlite", "sqlite+pysqlite") or url.host or url.query:
            raise ValueError
        if not url.database or url.database.startswith((":", "file:")):
            raise ValueError
        return resolve_path(text)
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise ValueError
    require_extra("psycopg", "postgres")
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def parse_redis_url(text: str) -> str:
    if not text:
        return text
    parts = urlsplit(text)
    if parts.scheme not in ("redis", "rediss", "unix") or parts.port == 0:
        raise ValueError
    require_extra("redis", "redis")
    return text


def require_extra(module: str, extra: str) -> None:
    if find_spec(module) is None:
        raise SettingsError(f"this needs an extra that is not installed: pip install '.[{extra}]'")


def parse_web_url(text: str) -> str:
    if not text:
        return text
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError
    if re.search(r"[\s?#@\"<>\\]", text):
        raise ValueError
    return text.rstrip("/")


def split_names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parse_origins(text: str) -> tuple[str, ...]:
    """Return origins as browsers send them: without a path and in lower case."""
    values = tuple(parse_web_url(part).lower() for part in split_names(text))
    if any(urlsplit(value).path for value in values):
        raise ValueError
    return values


def parse_hosts(text: str) -> tuple[str, ...]:
    values = split_names(text)
    if not all(TRUSTED_HOST_PATTERN.fullmatch(host) for host in values):
        raise ValueError
    return values


def parse_proxy(text: str) -> str:
    return text if text in ("", "*") else str(ip_address(text))


def parse_rate(text: str) -> str:
    if any(limit.amount < 1 for limit in parse_many(text)):
        raise ValueError
    return text


def make_integer_parser(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return read


def make_choice_parser(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError
        return text

    return read


def parse_metrics_port(text: str) -> int:
    if not text:
        return 0
    require_extra("prometheus_client", "metrics")
    return make_integer_parser(1, 65_535)(text)


def parse_file(text: str) -> str:
    if text and not (Path(text).is_file() and os.access(text, os.R_OK)):
        raise ValueError
    return text


def parse_date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def parse_switch(text: str) -> bool:
    return {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}[text.lower()]


def declare_setting(
    default: str | None, read: Callable[[str], Any], allowed: str, *, secret: bool = False
) -> Any:
    return field(metadata={"default": default, "read": read, "allowed": allowed, "secret": secret})


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    secret_key: tuple[str, ...] = declare_setting(
        None, parse_keys, "random keys of 32 bytes or more, comma-separated, newest first", secret=True
    )
    database_url: str = declare_setting(
        "sqlite:///shop.db",
        parse_database_url,
        "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME",
        secret=True,
    )
    redis_url: str = declare_setting("", parse_redis_url, "empty, or redis://HOST:PORT/0", secret=True)
    public_url: str = declare_setting(
        "", parse_web_url, "empty, or the URL the world knows, such as https://shop.example"
    )
    trusted_hosts: tuple[str, ...] = declare_setting("", parse_hosts, "empty, or host names, comma-separated")
    trusted_proxy: str = declare_setting(
        "", parse_proxy, "empty, the IP address of the proxy in front, or * for any"
    )
    rate_limit: str = declare_setting("300/minute", parse_rate, "COUNT/second, minute, hour or day")
    login_rate_limit: str = declare_setting("10/minute", parse_rate, "COUNT/second, minute, hour or day")
    cache_seconds: int = declare_setting("0", make_integer_parser(0, 86_400), "0 to 86400")
    currency: Currency = declare_setting("USD", Currency, "a currency of ISO 4217, such as USD, EUR or JPY")
    require_if_match: bool = declare_setting("off", parse_switch, "on or off")
    v1_sunset: date | None = declare_setting(
        "", parse_date, "empty, or the last day of v1, such as 2027-12-31"
    )
    cors_origins: tuple[str, ...] = declare_setting(
        "", parse_origins, "empty, or origins such as https://app.example"
    )
    access_token_seconds: int = declare_setting("900", make_integer_parser(30, 86_400), "30 to 86400")
    refresh_token_seconds: int = declare_setting(
        "2592000", make_integer_parser(60, 31_536_000), "60 to 31536000"
    )
    unpaid_hours: int = declare_setting("24", make_integer_parser(1, 8760), "1 to 8760")
    max_unpaid_orders: int = declare_setting("100", make_integer_parser(1, 1_000_000), "1 to 1000000")
    changes_days: int = declare_setting("30", make_integer_parser(1, 3650), "1 to 3650")
    allow_private_hooks: bool = declare_setting("off", parse_switch, "on or off")
    log_level: str = declare_setting(
        "INFO", make_choice_parser("DEBUG", "INFO", "WARNING", "ERROR"), "DEBUG, INFO, WARNING, ERROR"
    )
    log_format: str = declare_setting("json", make_choice_parser("json", "text"), "json or text")
    graphql_introspection: bool = declare_setting("on", parse_switch, "on or off")
    graphiql: bool = declare_setting("on", parse_switch, "on or off")
    grpc_certificate: str = declare_setting("", parse_file, "empty, or a file that can be read")
    grpc_key: str = declare_setting("", parse_file, "empty, or a file that can be read")
    grpc_client_ca: str = declare_setting("", parse_file, "empty, or a file that can be read")
    grpc_reflection: bool = declare_setting("on", parse_switch, "on or off")
    threads: int = declare_setting("8", make_integer_parser(1, 64), "1 to 64")
    metrics_port: int = declare_setting("", parse_metrics_port, "empty, or a port: 1 to 65535")
    workers: int = declare_setting("1", make_integer_parser(1, 64), "1 to 64")


def get_variable_name(name: str) -> str:
    return "SHOP_" + name.upper()


def read_settings(environ: Mapping[str, str] | None = None, dotenv: Path = Path(".env")) -> Settings:
    if environ is None:
        environ = {**read_dotenv(dotenv), **os.environ}
    reject_misspelled_settings(environ)
    return Settings(**{declared.name: parse_setting(declared, environ) for declared in fields(Settings)})


def read_dotenv(dotenv: Path) -> dict[str, str]:
    """Return the variables of a .env file; they are not expanded, because passwords may contain `$`."""
    try:
        values = dotenv_values(dotenv, interpolate=False) if dotenv.is_file() else {}
    except UnicodeDecodeError:
        raise SettingsError(f"{dotenv} is not text in UTF-8") from None
    return {name: value or "" for name, value in values.items()}


def parse_setting(declared: Any, environ: Mapping[str, str]) -> Any:
    name, metadata = get_variable_name(declared.name), declared.metadata
    text = environ.get(name, metadata["default"])
    if text is None or (metadata["default"] is None and not text.strip()):
        raise SettingsError(f"{name} is missing; it must be {metadata['allowed']} (`shop init` writes one)")
    try:
        return metadata["read"](text.strip())
    except SettingsError as error:
        raise SettingsError(f"{name}: {error}") from None
    except (ValueError, KeyError):
        shown_value = "a value that is not shown" if metadata["secret"] else repr(text[:100])
        raise SettingsError(f"{name} holds {shown_value}; allowed: {metadata['allowed']}") from None


def reject_misspelled_settings(environ: Mapping[str, str]) -> None:
    """Reject misspelled SHOP_ variables; names that resemble no setting are left alone."""
    known_names = {get_variable_name(declared.name) for declared in fields(Settings)}
    for name in environ:
        suggestions = get_close_matches(name, known_names, n=1, cutoff=0.85)
        if name.startswith("SHOP_") and name not in known_names and suggestions:
            raise SettingsError(f"{name} is not a setting; {suggestions[0]} is")
