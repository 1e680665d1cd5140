"""The settings that the generic rooms read; a service may have more."""

from dataclasses import dataclass

from shop.model.money import Currency


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    secret_key: tuple[str, ...] = ()  # the newest first; it signs hidden members and fingerprints
    database_url: str = ""
    redis_url: str = ""
    public_url: str = ""
    trusted_hosts: tuple[str, ...] = ()
    rate_limit: str = "300/minute"
    cache_seconds: int = 0
    currency: Currency = Currency("USD")
    require_if_match: bool = False
    cors_origins: tuple[str, ...] = ()
    threads: int = 8
