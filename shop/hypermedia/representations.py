"""How entities look in HAL: their state, their links, and the moves that the caller may make now."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar

from flask import request
from marshmallow import Schema, fields, missing

from shop.hypermedia.callers import get_context
from shop.hypermedia.forms import build_creation_forms, build_form, build_move_form
from shop.hypermedia.links import (
    Links,
    Node,
    build_creation_links,
    build_monitor_link,
    build_move_link,
    build_profile_link,
)
from shop.hypermedia.queries import build_search, read_parameter, split_parameter
from shop.hypermedia.resources import ChildList, Resource
from shop.hypermedia.runtime import get_runtime, get_service
from shop.hypermedia.serializers import RenderContext, build_render_context, build_writer, describe
from shop.hypermedia.url_scope import build_url
from shop.model.moves import ANYONE, MEMBER, find_available_moves
from shop.storage.pagination import Cursor, Page, PageInput

ALWAYS_THERE = ("_etag", "_links", "_templates", "_embedded")  # whatever `fields` names
VISITOR = frozenset({ANYONE})
LINK_SCHEMA = {"$ref": "#/components/schemas/Link"}
MONITOR = "A stream of events (text/event-stream) that says when this changes, where there is one."


class LinkedSchema(Schema):
    """Anything with links. `rels` says what its own links mean."""

    rels: ClassVar[dict[str, str]] = {}

    _links = fields.Method("links", metadata={"type": "object", "additionalProperties": LINK_SCHEMA})
    _templates = fields.Method("forms", metadata={"type": "object", "x-optional": True})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        refuse_unsupported(self)
        # Members that begin with an underscore come last.
        self.dump_fields = dict(
            sorted(self.dump_fields.items(), key=lambda each: each[0] * (each[0][0] == "_"))
        )
        self.writers = [(name, build_writer(self, name, field)) for name, field in self.dump_fields.items()]

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        frame = build_render_context()
        return [self.serialize(each, frame) for each in obj] if many else self.serialize(obj, frame)

    def serialize(self, obj: Any, frame: RenderContext) -> Node:
        """Return the members; what has no value is left out."""
        members = {name: write(obj, frame) for name, write in self.writers}
        return {name: value for name, value in members.items() if value is not missing and value is not None}

    def select(self, names: tuple[str, ...]) -> "LinkedSchema":
        """Return the same schema with some of its members; only entities offer the choice."""
        return self

    def forms(self, obj: Any, frame: RenderContext) -> Any:
        """Return the forms, for clients that asked for the media type with forms."""
        return self.templates(obj, frame) if frame.has_forms else missing

    def links(self, obj: Any, frame: RenderContext) -> Links:
        raise NotImplementedError

    def templates(self, obj: Any, frame: RenderContext) -> dict[str, Node]:
        return {}


def refuse_unsupported(schema: Schema) -> None:
    """Refuse what our own way of writing members would ignore."""
    if renamed := [name for name, field in schema.fields.items() if field.data_key]:
        raise TypeError(f"{type(schema).__name__}: data_key is not supported ({', '.join(renamed)})")
    if any(schema._hooks[hook] for hook in ("pre_dump", "post_dump")):
        raise TypeError(f"{type(schema).__name__}: hooks of dumping are not supported")


class Representation(LinkedSchema):
    """An entity: its state, its tag, its links."""

    id = fields.Integer(
        metadata=describe("The number it keeps for ever.", title="No.", means="identifier", example=7),
    )
    _etag = fields.Function(
        lambda entity: f'"{entity.tag}"',
        metadata={
            "type": "string",
            **describe("Its version: what If-Match asks for.", title="Version", example='"7-3"'),
        },
    )
    _embedded = fields.Method("embed", metadata={"type": "object", "x-optional": True})

    def select(self, names: tuple[str, ...]) -> "LinkedSchema":
        return select_members(type(self), names) if names else self

    def links(self, entity: Any, frame: RenderContext) -> Links:
        resource, roles = frame.resource_of[entity.kind], frame.context.get_roles(entity)
        here = f"{frame.base}{resource.path}/{entity.id}"
        links = {"self": {"href": here}}
        if roles & resource.listed_for:
            links["collection"] = {"href": frame.base + resource.path}
        for child in frame.child_lists_of[entity.kind]:
            links[child.rel] = {"href": f"{here}/{child.rel}"}
        links |= self.extra_links(entity, frame)
        if resource.monitor:
            href = frame.base + resource.monitor.of_one.format(id=entity.id)
            links["monitor"] = build_monitor_link(href)
        links["profile"] = {"href": f"{frame.root}/profile#{resource.name}"}
        for move in find_available_moves(entity, roles):
            links[move.name] = build_move_link(here, move)
        return links | build_login_links(entity, frame)

    def extra_links(self, entity: Any, frame: RenderContext) -> Links:
        """Return the links that this kind of entity has beside those of all kinds."""
        return {}

    def templates(self, entity: Any, frame: RenderContext) -> dict[str, Node]:
        here = frame.get_url(entity)
        moves = find_available_moves(entity, frame.context.get_roles(entity))
        forms = {move.name: build_move_form(here, move, entity) for move in moves}
        return forms | build_login_forms(entity, frame)

    def embed(self, entity: Any, frame: RenderContext) -> Any:
        """Return what `embed` names: first pages of lists, and linked entities."""
        rels = split_parameter("embed") if request.method == "GET" else ()
        found = {rel: self.embed_linked(rel, entity, frame) for rel in rels}
        return {rel: node for rel, node in found.items() if node is not None} if rels else missing

    def embed_linked(self, rel: str, entity: Any, frame: RenderContext) -> Any:
        resource = frame.resource_of[entity.kind]
        for child in frame.child_lists_of[entity.kind]:
            if child.rel == rel:
                page = child.list_page(get_context(), entity.id, child.search().load({}))
                return build_child_collection(resource, child)().dump(page)
        embed = resource.embeds[rel]
        found = embed.find(get_context(), entity)
        if embed.schema:
            return embed.schema().dump(found)
        representation = build_item_representation(frame.resource_of[embed.kind].representation)
        return found if found is None else representation.dump(found, many=isinstance(found, list))


def is_login_useful(entity: Any, frame: RenderContext) -> bool:
    """Whether the caller would have more moves after logging in."""
    if not frame.context.is_anonymous:
        return False
    return len(find_available_moves(entity, VISITOR)) < len(find_available_moves(entity, VISITOR | {MEMBER}))


def build_login_links(entity: Any, frame: RenderContext) -> Links:
    """Return the links that a 401 has, where logging in would help."""
    if not frame.login or not is_login_useful(entity, frame):
        return {}
    return {rel: {"href": frame.base + path} for rel, path in frame.login.links.items()}


def build_login_forms(entity: Any, frame: RenderContext) -> dict[str, Node]:
    """Return the forms that a 401 has, where logging in would help; they remember the entity."""
    if not frame.login or not is_login_useful(entity, frame):
        return {}
    origin = {"name": "_return", "type": "hidden", "value": frame.get_url(entity)}
    forms = frame.login.build_forms().items()
    return {name: {**form, "properties": [*form["properties"], origin]} for name, form in forms}


def serialize_items(representation: "LinkedSchema", items: Sequence[Any], frame: RenderContext) -> list[Any]:
    """Return the JSON of the rows of a list, or what it is made of where the items are no rows."""
    if not items or not isinstance(items[0], tuple):
        return [representation.serialize(item, frame) for item in items]
    serialize, key = get_runtime().fragments.serialize, (representation, *frame.key)
    recording = frame.context.recording
    return [
        serialize(key, item, lambda item=item: representation.serialize(item, frame), recording)
        for item in items
    ]


class CollectionRepresentation(LinkedSchema):
    """A page of entities with the links to the other pages."""

    resource: ClassVar[Resource]  # of the items
    search: ClassVar[type[PageInput]]
    names: ClassVar[tuple[str, ...]]
    build_path: ClassVar[Callable[[], str]]
    rels = {
        "self": "This page.",
        "first": "The first page.",
        "prev": "The page before, where there is one.",
        "next": "The page after, where there is one.",
        "last": "The last page.",
        "search": "A URI template (RFC 6570) with all that may be asked for.",
        "monitor": MONITOR,
    }

    total = fields.Integer(
        metadata=describe("How many there are in all; where that is not exact, at least so many.", example=62)
    )
    total_is_exact = fields.Boolean(
        metadata=describe("Whether the total is exact: of many, only so many are counted.", example=True)
    )
    page = fields.Integer(attribute="number", metadata=describe("Which page this is.", example=1))
    per_page = fields.Integer(metadata=describe("How many items a page has.", title="On a page", example=20))
    pages = fields.Integer(metadata=describe("How many pages there are.", example=4))
    _embedded = fields.Method("embed", metadata=describe("The items of this page; there when empty."))

    def embed(self, page: Page, frame: RenderContext) -> dict[str, list[Any]]:
        names = split_parameter("fields") if "fields" in self.names else ()
        representation = build_item_representation(self.resource.representation, names)
        return {"item": serialize_items(representation, page.items, frame)}

    def links(self, page: Page, frame: RenderContext) -> Links:
        query = {name: read_parameter(name) for name in request.args if name in self.names}
        pages = {"first": 1, "prev": page.prev, "next": page.next, "last": page.last}
        return {
            "self": {"href": self.get_url(**query)},
            **{rel: {"href": self.get_url(**turn_page(query, to))} for rel, to in pages.items() if to},
            "search": self.build_search_link(),
            **self.build_monitor_links(),
            "profile": build_profile_link("collection"),
            **build_creation_links(self.resource),
        }

    def build_monitor_links(self) -> Links:
        monitor = self.resource.monitor
        return {"monitor": build_monitor_link(build_url(monitor.of_list))} if monitor else {}

    def templates(self, page: Page, frame: RenderContext) -> dict[str, Node]:
        return {"search": self.build_search_form(), **build_creation_forms(self.resource)}

    def build_search_form(self) -> Node:
        return build_form("Search", "GET", self.get_url(), self.search())

    def build_search_link(self) -> Node:
        return {"href": f"{self.get_url()}{{?{','.join(self.names)}}}", "templated": True}

    def get_url(self, **query: Any) -> str:
        return build_url(type(self).build_path(), **query)


@lru_cache(256)
def build_collection(resource: Resource) -> type[CollectionRepresentation]:
    """Return the representation of a page of this resource."""
    return make_collection_type(
        f"{resource.kind.__name__}Collection", resource, build_search(resource), lambda: resource.path
    )


@lru_cache(256)
def build_child_collection(parent: Resource, child: ChildList) -> type[CollectionRepresentation]:
    """Return the representation of a page of a list that belongs to an entity."""
    return make_collection_type(
        f"{parent.kind.__name__}{child.kind.__name__}Collection",
        get_service().resource_of[child.kind],
        child.search,
        lambda: f"{parent.path}/{request.view_args['id']}/{child.rel}",
    )


def make_collection_type(
    name: str, resource: Resource, search: type[PageInput], build_path: Callable[[], str]
) -> type[CollectionRepresentation]:
    members = {"resource": resource, "search": search, "names": tuple(search().fields)}
    return type(name, (CollectionRepresentation,), {**members, "build_path": staticmethod(build_path)})


def turn_page(query: dict[str, str], to: Cursor | int) -> dict[str, str]:
    """Return the query of another page of the same search; the first page needs no number."""
    rest = {name: value for name, value in query.items() if name != "page"}
    return rest if to == 1 else {**rest, "page": str(to)}


@lru_cache(256)
def select_members(representation: type[Representation], names: tuple[str, ...]) -> Representation:
    return representation(only=(*names, *ALWAYS_THERE)) if names else representation()


@lru_cache(256)
def build_item_representation(
    representation: type[Representation], names: tuple[str, ...] = ()
) -> Representation:
    """Return the representation of an entity inside of an answer, which embeds nothing itself."""
    return representation(only=(*names, *ALWAYS_THERE) if names else None, exclude=("_embedded",))
