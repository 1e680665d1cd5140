"""What the doors without URLs share: a move is called by the name of an operation, with an etag and a key."""

from collections.abc import Callable
from typing import Any

from shop.doors.request_context import get_settings, parse_etag, parse_key
from shop.model.entity import Entity
from shop.model.errors import Invalid
from shop.model.fields import InputSchema
from shop.model.moves import Move
from shop.services.moves import OWN_SERVICES
from shop.storage.execution import MoveCall


def build_input_schema(move: Move) -> InputSchema:
    """Return the input schema of a move; an update may leave out what stays."""
    return move.takes(partial=move.name == "update")


def build_move_call(
    kind: type[Entity], move: Move, id: int | None, load_input: Callable[[], dict[str, Any]], etag: str | None
) -> MoveCall:
    return MoveCall(
        kind=kind,
        move=move,
        id=id,
        load_input=load_input,
        read_tags=lambda: None if etag is None else parse_etag(etag),
        require_tags=get_settings().require_if_match,
        service=OWN_SERVICES.get((kind, move.name)),
    )


def parse_named_key(text: str, name: str) -> str:
    """Return an idempotency key; raise Invalid with the name of its argument if it is not a valid one."""
    if (key := parse_key(text)) is None:
        raise Invalid(
            "A key is one string of 1 to 255 plain characters.", errors={name: ["This is not a valid key."]}
        )
    return key
