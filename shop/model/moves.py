"""Moves: what may be done to an entity, by whom and when, declared once and offered everywhere.

A move is a method of an entity below a declaration. Doors derive their routes, links, forms and
documentation from the declarations; services hold every caller to them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any

from shop.model.entity import Entity
from shop.model.errors import Conflict, DomainError, Forbidden, Unauthenticated
from shop.model.fields import EmptyInput, InputSchema

ANYONE, MEMBER, OWNER, STAFF = "anyone", "member", "owner", "staff"


@dataclass(frozen=True, kw_only=True)
class Move:
    name: str
    title: str
    by: frozenset[str]
    unless: frozenset[str]
    source: frozenset[str]
    target: str | None
    when: Callable[[Any], bool]
    takes: type[InputSchema]
    is_creation: bool

    def is_permitted(self, roles: frozenset[str]) -> bool:
        """Whether this caller may, whatever the entity's state."""
        return bool(self.by & roles and not self.unless & roles)

    def is_available(self, entity: Any) -> bool:
        """Whether anybody may now."""
        return (not self.source or entity.status in self.source) and self.when(entity)

    def find_permission_error(self, roles: frozenset[str]) -> DomainError | None:
        """Why this caller may not, whatever the entity's state; None when they may."""
        if self.is_permitted(roles):
            return None
        if MEMBER not in roles:
            return Unauthenticated("Log in first.")
        return Forbidden(f"You may not {self.name} this.")

    def find_error(self, entity: Any, roles: frozenset[str]) -> DomainError | None:
        """Why this caller may not do this now; None when they may. The guard and the offer ask here."""
        if permission_error := self.find_permission_error(roles):
            return permission_error
        return self.state_error(entity)

    def state_error(self, entity: Any) -> Conflict | None:
        """Why nobody may do this now."""
        if self.is_available(entity):
            return None
        state = f"It is {entity.status}: too" if self.source else "It is too"
        return Conflict(f"{state} late, or too early, to {self.name} it.")


def move(
    *,
    title: str,
    by: str | set[str],
    unless: str | None = None,
    source: set[str] = frozenset(),
    target: str | None = None,
    when: Callable[[Any], bool] = lambda entity: True,
    takes: type[InputSchema] = EmptyInput,
) -> Callable[[Any], Any]:
    """Declare a method as a move; a class method is a move that begins an entity."""

    def declare(method: Any) -> Any:
        is_creation = isinstance(method, classmethod)
        function = method.__func__ if is_creation else method
        declaration = Move(
            name=function.__name__,
            title=title,
            by=frozenset({by} if isinstance(by, str) else by),
            unless=frozenset({unless} if unless else ()),
            source=frozenset(source),
            target=target,
            when=when,
            takes=takes,
            is_creation=is_creation,
        )
        wrapped = function if is_creation else enforce_state(declaration, function)
        wrapped.move = declaration
        return classmethod(wrapped) if is_creation else wrapped

    return declare


def enforce_state(move: Move, function: Callable[..., Any]) -> Callable[..., Any]:
    """The method, held to its declaration whoever calls it."""

    @wraps(function)
    def method(entity: Any, **values: Any) -> Any:
        if state_error := move.state_error(entity):
            raise state_error
        outcome = function(entity, **values)
        if move.target:
            entity.status = move.target
        return outcome

    return method


@cache
def get_moves(kind: type[Entity]) -> dict[str, Move]:
    """Every move that a kind of entity declares, in the order it declares them."""
    functions = (getattr(member, "__func__", member) for member in vars(kind).values())
    return {each.move.name: each.move for each in functions if hasattr(each, "move")}


@cache
def find_permitted_moves(kind: type[Entity], roles: frozenset[str], is_creation: bool) -> list[Move]:
    """What these roles may ever do to such an entity; or, to begin one."""
    return [
        each
        for each in get_moves(kind).values()
        if each.is_creation == is_creation and each.is_permitted(roles)
    ]


def find_available_moves(entity: Any, roles: frozenset[str]) -> list[Move]:
    """What this caller may do now: to an entity, or, for a kind, to begin one."""
    if isinstance(entity, type):
        return [each for each in find_permitted_moves(entity, roles, True) if each.is_available(entity)]
    return [each for each in find_permitted_moves(entity.kind, roles, False) if each.is_available(entity)]
