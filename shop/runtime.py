"""What a running shop holds beside what every service holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import Flask

from shop.hypermedia import runtime
from shop.hypermedia.runtime import Runtime

if TYPE_CHECKING:
    from shop.doors.graphql.persisted_queries import PersistedQueries
    from shop.hypermedia.waiting_places import WaitingPlaces
    from shop.services.housekeeping import Housekeeper
    from shop.services.tokens import Signer
    from shop.settings import Settings
    from shop.storage.change_listener import ChangeListener


@dataclass(slots=True, kw_only=True)
class ShopRuntime(Runtime):
    settings: Settings
    signer: Signer
    change_listener: ChangeListener
    housekeeper: Housekeeper
    waiting_places: WaitingPlaces
    persisted_queries: PersistedQueries | None = None  # where GraphQL is open


def get_runtime(app: Flask | None = None) -> ShopRuntime:
    """Return the runtime of this shop, or of the current one."""
    return cast("ShopRuntime", runtime.get_runtime(app))


def get_signer() -> Signer:
    return get_runtime().signer
