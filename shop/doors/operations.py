"""What GraphQL and gRPC share: calls of moves, the feed of changes, and logging in."""

from collections.abc import Callable, Sequence
from typing import Any

from shop.doors.login_limits import limit_failed_logins
from shop.hypermedia.callers import find_address
from shop.hypermedia.etags import parse_etag
from shop.hypermedia.fingerprints import parse_key
from shop.hypermedia.resources import Resource
from shop.hypermedia.runtime import get_settings
from shop.model.errors import Invalid, NotFound
from shop.model.fields import InputSchema
from shop.model.moves import Move
from shop.runtime import get_signer
from shop.services import tokens
from shop.services.changes import ChangeRow
from shop.storage.execution import MoveCall
from shop.storage.transactions import Context


def build_input_schema(move: Move) -> InputSchema:
    """Return the input schema of a move; an update may leave out what stays."""
    return move.takes(partial=move.name == "update")


def build_move_call(
    resource: Resource, move: Move, id: int | None, load_input: Callable[[], dict[str, Any]], etag: str | None
) -> MoveCall:
    return MoveCall(
        kind=resource.kind,
        move=move,
        id=id,
        load_input=load_input,
        read_tags=lambda: None if etag is None else parse_etag(etag),
        require_tags=get_settings().require_if_match,
        check=resource.checks.get(move.name),
        service=resource.services.get(move.name),
    )


def read_feed(
    ctx: Context, read: Callable[..., Sequence[ChangeRow]], after: int, *limit: int
) -> Sequence[ChangeRow]:
    """Return what a feed has after a cursor; raise Invalid for a number that it does not have yet."""
    try:
        return read(ctx, after, *limit)
    except NotFound as error:
        raise Invalid("Start again without this cursor.", errors={"after": [error.detail]}) from None


def parse_named_key(text: str, name: str) -> str:
    """Return an idempotency key; raise Invalid with the name of its argument if it is not a valid one."""
    if (key := parse_key(text)) is None:
        raise Invalid(
            "A key is one string of 1 to 255 plain characters.", errors={name: ["This is not a valid key."]}
        )
    return key


def log_in(ctx: Context, credentials: dict[str, Any]) -> tokens.TokenPair:
    """Log in, unless too many logins to this account or from this address have failed."""
    with limit_failed_logins(credentials["username"]):
        return tokens.log_in(ctx, get_signer(), find_address(), **credentials)
