"""What the generic rooms have to know of the service that they serve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from shop.hypermedia.callers import Identify, refuse_all
from shop.hypermedia.home import HomeRepresentation
from shop.hypermedia.problems import PROBLEM_TYPES, ProblemType, WayOut
from shop.hypermedia.versions import Version
from shop.model.entity import Entity
from shop.storage.transactions import Context

if TYPE_CHECKING:
    from flask import Blueprint

    from shop.hypermedia.representations import LinkedSchema
    from shop.hypermedia.resources import ChildList, Resource

ONLY_VERSION = Version("v1", date(2026, 1, 1))


@dataclass(frozen=True)
class SideDoor:
    """Another API of the service, at the path of its name."""

    description: str
    has_page: bool = False  # for people


@dataclass(frozen=True, kw_only=True)
class Service:
    name: str
    resources: tuple[Resource, ...]
    identify: Identify = refuse_all
    build_context: Callable[..., Context] = Context
    versions: tuple[Version, ...] = (ONLY_VERSION,)
    sunsets: Mapping[str, date] = field(default_factory=dict)  # the last day of a version
    home: type[HomeRepresentation] = HomeRepresentation
    blueprints: Mapping[Blueprint, str] = field(default_factory=dict)  # what is no resource, and its path
    documents: Mapping[str, type[LinkedSchema]] = field(default_factory=dict)  # that `blueprints` answer with
    side_doors: Mapping[str, SideDoor] = field(default_factory=dict)  # other APIs of the service, by path
    problem_types: Mapping[str, ProblemType] = field(default_factory=lambda: PROBLEM_TYPES)
    ways_out: Mapping[int, WayOut] = field(default_factory=dict)  # of problems, by their status

    @property
    def slug(self) -> str:
        """The name in media types and realms."""
        return self.name.lower().replace(" ", "-")

    @cached_property
    def resource_of(self) -> dict[type[Entity], Resource]:
        return {resource.kind: resource for resource in self.resources}

    @cached_property
    def child_lists_of(self) -> dict[type[Entity], tuple[ChildList, ...]]:
        """The lists that belong to the entities of each kind."""
        children = [child for resource in self.resources for child in resource.child_lists]
        return {kind: tuple(child for child in children if child.of is kind) for kind in self.resource_of}

    @cached_property
    def version_of(self) -> dict[str, Version]:
        return {version.name: version for version in self.versions}

    @property
    def default_version(self) -> Version:
        return self.versions[0]

    def get_vendor_type(self, version: Version) -> str:
        return f"application/vnd.{self.slug}.{version.name}+json"

    def get_successor(self, version: Version) -> Version:
        return self.versions[self.versions.index(version) + 1]
