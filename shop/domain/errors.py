"""What can go wrong, in the words of the shop. Each door has its own word for each code."""

from typing import Any


class ShopError(Exception):
    """A refusal: a code for doors, a sentence for people, and facts that help to do better."""

    code = "error"

    def __init__(self, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.detail, self.facts = detail, facts


class Invalid(ShopError):
    """The input does not have the shape asked for; `errors` names each member."""

    code = "invalid"


class Unauthenticated(ShopError):
    code = "unauthenticated"


class Forbidden(ShopError):
    code = "forbidden"


class NotFound(ShopError):
    code = "not_found"


class Conflict(ShopError):
    code = "conflict"


class OutOfStock(Conflict):
    """Some lines ask for more than there is; `lines` names each, with what is left."""

    code = "out_of_stock"


class Reused(ShopError):
    """The key of one request came again with another."""

    code = "reused"


class Stale(ShopError):
    """The caller knew an older version than the one that stands."""

    code = "stale"


class Unavailable(ShopError):
    """Nothing is wrong with the request; the same one may work in a moment."""

    code = "unavailable"


class Expired(ShopError):
    """What came after this place in the feed has been forgotten."""

    code = "expired"
