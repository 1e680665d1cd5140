"""What a running service holds: one typed object, made when the service starts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app

from shop.hypermedia.fragments import FragmentCache

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from shop.hypermedia.rate_limits import RequestLimits
    from shop.hypermedia.service import Service
    from shop.hypermedia.settings import ServiceSettings

NAME = "shop"  # of the runtime among the extensions of the app


@dataclass(slots=True, kw_only=True)
class Runtime:
    settings: ServiceSettings
    service: Service
    engine: Engine
    check_readiness: Callable[[], dict[str, str]]  # raises Unavailable
    stopping: Event = field(default_factory=Event)  # set when the server is about to stop

    fragments: FragmentCache = field(default_factory=FragmentCache)
    compressed_files: dict[str, bytes] = field(default_factory=dict)  # by their entity tags

    # Filled while the service is put together
    limits: RequestLimits | None = None
    apis: dict[str, Any] = field(default_factory=dict)  # the OpenAPI document of each version is made of one

    # Filled by what observes and serves the app
    observe_response: Callable[[str, int, float], None] | None = None  # route, status, seconds
    observe_write_wait: Callable[[float], object] | None = None  # is called with the seconds of each wait
    flush_spans: Callable[[], object] = lambda: None  # sends the spans that are left, at the end
    task_queue: Collection[Any] = ()
    is_traced: bool = False
    trace_call: Callable[[str], AbstractContextManager[Callable[[], Any]]] = lambda path: nullcontext(
        lambda: None
    )


def get_runtime(app: Flask | None = None) -> Runtime:
    """Return the runtime of this app, or of the current one."""
    return (app or current_app).extensions[NAME]


def get_settings() -> ServiceSettings:
    return get_runtime().settings


def get_service() -> Service:
    return get_runtime().service
