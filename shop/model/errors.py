"""Errors with a code; each door translates the codes into its own protocol."""

from typing import Any


class DomainError(Exception):
    """An error with a code for doors, a sentence for people and facts about the cause."""

    code = "error"

    def __init__(self, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.detail, self.facts = detail, facts


class Invalid(DomainError):
    """The input does not match its schema; `errors` names each invalid member."""

    code = "invalid"


class Unauthenticated(DomainError):
    code = "unauthenticated"


class Forbidden(DomainError):
    code = "forbidden"


class NotFound(DomainError):
    code = "not_found"


class Conflict(DomainError):
    code = "conflict"


class KeyReused(DomainError):
    """An idempotency key was used again for a different request."""

    code = "reused"


class Stale(DomainError):
    """The caller read an older version than the current one."""

    code = "stale"


class PreconditionRequired(DomainError):
    """The caller must say which version it changes."""

    code = "precondition_required"


class Unavailable(DomainError):
    """The request is valid but cannot be served now; it may work later."""

    code = "unavailable"


class CursorExpired(DomainError):
    """Changes after this cursor have been deleted."""

    code = "expired"
