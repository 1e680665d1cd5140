"""What a request carries on its way through the service: one typed object, and nothing beside it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import g
from flask_limiter import RequestLimit

from shop.storage.recorded_queries import RecordedQuery
from shop.storage.transactions import Context

UNREAD: Any = object()  # the value of what is read from the request when somebody needs it first


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
    version: Any = None
    named_version: str | None = None  # by the Accept header
    media_type: str | None = None
    entity_url: str = ""  # of the entity that a move is about

    # Who asks
    claims: dict[str, Any] | None = UNREAD
    context: Context | None = None

    # What was sent beside the input: members that begin with an underscore
    hidden_members: dict[str, Any] = field(default_factory=dict)

    # How the answer may be cached
    is_public: bool = False
    tag: str | None = None
    queries: list[RecordedQuery] | None = None

    # Limits
    limits: list[RequestLimit] = field(default_factory=list)
    violated_policies: list[str] = field(default_factory=list)

    # What happened
    error_code: str = ""
    fault: Exception | None = None
    is_replayed: bool = False


def request_state() -> RequestState:
    """The state of the current request; it begins with the first look at it."""
    found = g._get_current_object()  # once, because each look through a proxy costs a microsecond
    if "state" not in found:
        found.state = RequestState()
    return found.state
