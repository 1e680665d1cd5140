"""What a running app holds: one typed object, made by the application factory."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from shop.doors.graphql.persisted import PersistedQueries
    from shop.doors.rate_limits import RequestLimits
    from shop.hypermedia.waiting_places import WaitingPlaces
    from shop.observability.health import Health
    from shop.services.housekeeping import Housekeeper
    from shop.services.tokens import Signer
    from shop.settings import Settings
    from shop.storage.change_listener import ChangeListener

NAME = "shop"


@dataclass(slots=True, kw_only=True)
class Runtime:
    settings: Settings
    engine: Engine
    signer: Signer
    health: Health
    change_listener: ChangeListener
    housekeeper: Housekeeper
    stopping: Event = field(default_factory=Event)  # set when the server is about to stop

    # Filled by the doors that are open
    limits: RequestLimits | None = None
    apis: dict[str, Any] = field(default_factory=dict)  # the OpenAPI document of each version is made of one
    waiting_places: WaitingPlaces | None = None
    persisted_queries: PersistedQueries | None = None

    # Filled by what observes and serves the app
    task_queue: Collection[Any] = ()
    observe_write_wait: Callable[[float], object] | None = None  # is called with the seconds of each wait
    flush_spans: Callable[[], object] = lambda: None  # sends the spans that are left, at the end
    is_traced: bool = False
    trace_call: Callable[[str], AbstractContextManager[Callable[[], Any]]] = lambda path: nullcontext(
        lambda: None
    )


def get_runtime(app: Flask | None = None) -> Runtime:
    """The runtime of this app, or of the current one."""
    return (app or current_app).extensions[NAME]
