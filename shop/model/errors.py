"""What can go wrong, in the words of the shop. Each door has its own word for each code."""

from typing import Any


class DomainError(Exception):
    """A refusal: a code for doors, a sentence for people, and facts that help to do better."""

    code = "error"

    def __init__(self, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.detail, self.facts = detail, facts


class Invalid(DomainError):
    """The input does not have the shape asked for; `errors` names each member."""

    code = "invalid"


class Unauthenticated(DomainError):
    code = "unauthenticated"


class Forbidden(DomainError):
    code = "forbidden"


class NotFound(DomainError):
    code = "not_found"


class Conflict(DomainError):
    code = "conflict"


class OutOfStock(Conflict):
    """Some lines ask for more than there is; `lines` names each, with what is left."""

    code = "out_of_stock"


class KeyReused(DomainError):
    """The key of one request came again with another."""

    code = "reused"


class Stale(DomainError):
    """The caller knew an older version than the one that stands."""

    code = "stale"


class Unavailable(DomainError):
    """Nothing is wrong with the request; the same one may work in a moment."""

    code = "unavailable"


class CursorExpired(DomainError):
    """What came after this place in the feed has been forgotten."""

    code = "expired"
