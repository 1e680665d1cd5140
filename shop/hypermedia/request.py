"""What a request carries on its way through the service: one typed object, and nothing beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import g

if TYPE_CHECKING:
    from flask_limiter import RequestLimit

    from shop.hypermedia.callers import Caller
    from shop.hypermedia.versions import Version
    from shop.model.errors import DomainError
    from shop.storage.recorded_queries import Recording
    from shop.storage.transactions import Context

UNREAD: Any = object()  # the value of what is read from the request when it is needed for the first time


@dataclass(slots=True, kw_only=True)
class RequestState:
    # For the log, the metrics and the traces
    ids: dict[str, str] = field(default_factory=dict)  # request_id, and trace_id where there is one
    started_at: float = 0.0
    measured_at: float = 0.0
    trace_id: str | None = None
    span: Any = None
    end_span: Callable[[], object] | None = None

    # The URL scope that links stay inside
    host: str = ""
    root: str = ""
    prefix: str = ""
    version: Version = UNREAD
    named_version: str | None = None  # by the Accept header
    media_type: str | None = None
    entity_url: str = ""  # of the entity that a move is about

    # Who asks
    caller: Caller | None = UNREAD
    context: Context | None = None
    caller_recording: Recording | None = None  # how the account of the caller was found

    # What was sent beside the input: members that begin with an underscore
    hidden_members: dict[str, Any] = UNREAD

    # Limits
    limits: list[RequestLimit] = field(default_factory=list)
    violated_policies: list[str] = field(default_factory=list)

    # What happened
    outage: DomainError | None = None  # that the response cache met
    error_code: str = ""
    fault: Exception | None = None
    is_replayed: bool = False

    @property
    def caller_id(self) -> int | None:
        """The account of the caller, if it was needed and there is one."""
        return self.caller.id if self.caller and self.caller is not UNREAD else None


def request_state() -> RequestState:
    """Return the state of the current request; it begins with the first look at it."""
    found = g._get_current_object()  # once, because each look through a proxy costs a microsecond
    if "state" not in found:
        found.state = RequestState()
    return found.state
