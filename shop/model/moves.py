"""Moves: what may be done to an entity, by whom and when; declared once.

A move is a decorated method of an entity. Doors derive routes, links, forms and documentation from the
declarations, and services check every call against them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from inspect import signature
from typing import Any

from shop.model.entity import Entity
from shop.model.errors import Conflict, DomainError, Forbidden, Unauthenticated
from shop.model.fields import EmptyInput, InputSchema

ANYONE, MEMBER, OWNER, STAFF = "anyone", "member", "owner", "staff"


@dataclass(frozen=True, kw_only=True)
class Move:
    name: str
    method: str  # of the entity
    takes_actor: bool  # whether the method is told who makes the move
    title: str
    by: frozenset[str]
    unless: frozenset[str]
    source: frozenset[str]
    target: str | None
    when: Callable[[Any], bool] | None
    otherwise: str  # why the move is not possible where `when` is false
    takes: type[InputSchema]
    is_creation: bool

    def is_permitted(self, roles: frozenset[str]) -> bool:
        """Whether these roles may make the move in some state of the entity."""
        return bool(self.by & roles and not self.unless & roles)

    def is_available(self, entity: Any) -> bool:
        """Whether the move is possible in the present state of the entity."""
        if self.source and entity.status not in self.source:
            return False
        return self.when is None or self.when(entity)

    @property
    def is_conditional(self) -> bool:
        """Whether there are states of the entity in which the move is not possible."""
        return bool(self.source or self.when)

    def find_permission_error(self, roles: frozenset[str]) -> DomainError | None:
        """Return why these roles may never make the move, or None."""
        if self.is_permitted(roles):
            return None
        if MEMBER not in roles:
            return Unauthenticated("Log in first.")
        return Forbidden(f"You may not {self.name} this.")

    def find_error(self, entity: Any, roles: frozenset[str]) -> DomainError | None:
        """Return why these roles may not make the move now, or None; links are offered by the same rule."""
        if permission_error := self.find_permission_error(roles):
            return permission_error
        return self.state_error(entity)

    def state_error(self, entity: Any) -> Conflict | None:
        """Return why the move is not possible in the present state, or None."""
        if self.is_available(entity):
            return None
        return Conflict(f"Cannot {self.name}: {self.describe_state(entity)}.")

    def describe_state(self, entity: Any) -> str:
        """Return why the move is not possible: its state has passed, is still to come, or will not come."""
        noun = f"the {entity.kind.__name__.lower()}"
        if not self.source:
            return self.otherwise or f"{noun} is not in a state that allows it"
        if entity.status in find_later_states(entity.kind, self.source):
            return f"{noun} is already {entity.status}"
        if find_later_states(entity.kind, frozenset({entity.status})) & self.source:
            return f"{noun} is not {' or '.join(sorted(self.source))} yet"
        return f"{noun} is {entity.status}"


def move(
    *,
    title: str,
    by: str | set[str],
    unless: str | None = None,
    source: set[str] = frozenset(),
    target: str | None = None,
    when: Callable[[Any], bool] | None = None,
    otherwise: str = "",
    takes: type[InputSchema] = EmptyInput,
) -> Callable[[Any], Any]:
    """Declare a method as a move; a class method is a move that creates an entity."""

    def declare(method: Any) -> Any:
        is_creation = isinstance(method, classmethod)
        function = method.__func__ if is_creation else method
        declaration = Move(
            name=function.__name__.rstrip("_"),  # so that a method may be called return_
            method=function.__name__,
            takes_actor="actor" in signature(function).parameters,
            title=title,
            by=frozenset({by} if isinstance(by, str) else by),
            unless=frozenset({unless} if unless else ()),
            source=frozenset(source),
            target=target,
            when=when,
            otherwise=otherwise,
            takes=takes,
            is_creation=is_creation,
        )
        wrapped = function if is_creation else enforce_state(declaration, function)
        wrapped.move = declaration
        return classmethod(wrapped) if is_creation else wrapped

    return declare


def enforce_state(move: Move, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method with a check of the source state; it also sets the target state."""

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
    """Return the moves of a kind of entity in the order of their declaration."""
    functions = (getattr(member, "__func__", member) for member in vars(kind).values())
    return {each.move.name: each.move for each in functions if hasattr(each, "move")}


@cache
def find_later_states(kind: type[Entity], states: frozenset[str]) -> frozenset[str]:
    """Return the states that moves lead to from these, one after the other."""
    later: frozenset[str] = frozenset()
    while True:
        moves = [move for move in get_moves(kind).values() if move.target and move.source & (states | later)]
        if (found := frozenset(move.target for move in moves)) <= later:
            return later
        later |= found


@cache
def find_permitted_moves(kind: type[Entity], roles: frozenset[str], is_creation: bool) -> list[Move]:
    """Return the moves that these roles may make in some state; either those that create or the others."""
    return [
        each
        for each in get_moves(kind).values()
        if each.is_creation == is_creation and each.is_permitted(roles)
    ]


def find_available_moves(entity: Any, roles: frozenset[str]) -> list[Move]:
    """Return the moves that these roles may make now: on an entity, or, given a kind, to create one."""
    if isinstance(entity, type):
        return [each for each in find_permitted_moves(entity, roles, True) if each.is_available(entity)]
    return [each for each in find_permitted_moves(entity.kind, roles, False) if each.is_available(entity)]
