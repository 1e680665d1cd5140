"""Waitress, with limits that fit a small machine."""

import logging

from flask import Flask
from waitress import create_server

from shop import metrics
from shop.settings import Settings

LIMITS = {
    "asyncore_use_poll": True,
    "connection_limit": 1000,
    "channel_timeout": 30,
    "cleanup_interval": 10,
    "max_request_header_size": 32 * 1024,
    "max_request_body_size": 8 * 1024 * 1024,  # Flask refuses sooner, and says so in a problem document
    "ident": None,
}


log = logging.getLogger("shop")


def serve(app: Flask, settings: Settings, host: str, port: int) -> None:
    metrics.open(settings)
    server = create_server(app, host=host, port=port, threads=settings.threads, **LIMITS, **proxy(settings))
    app.extensions["shop-queue"] = server.task_dispatcher.queue
    log.info("listening on http://%s:%s", f"[{host}]" if ":" in host else host, port)
    server.run()


def proxy(settings: Settings) -> dict[str, object]:
    """Forwarded headers count only when they come from the proxy that the settings name."""
    if not settings.trusted_proxy:
        return {"clear_untrusted_proxy_headers": True}
    return {
        "trusted_proxy": settings.trusted_proxy,
        "trusted_proxy_count": 1,
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"},
        "clear_untrusted_proxy_headers": True,
    }
