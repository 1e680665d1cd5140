"""How things look in HAL: their state, the way on, and the moves that this caller may make now."""

from functools import lru_cache
from typing import Any, ClassVar

from flask import request
from marshmallow import Schema, fields, missing

from shop.doors.request_context import get_context
from shop.doors.rest.blueprint import parse_fields
from shop.doors.rest.forms import build_form, build_form_key, has_form
from shop.doors.rest.serializers import RenderContext, build_render_context, build_writer
from shop.doors.rest.url_scope import build_url
from shop.hypermedia.request import request_state
from shop.model.entity import Entity
from shop.model.moves import Move, find_available_moves
from shop.storage.execution import find_newest_id
from shop.storage.pagination import Cursor, Page
from shop.storage.transactions import Actor

MOVE_METHODS = {"update": ("PUT", "PATCH"), "delete": ("DELETE",)}
OPTIONAL_MEMBER = {"x-sometimes": True}  # a member that is there only when it has something to say
LINK_SCHEMA = {"$ref": "#/components/schemas/Link"}


def move_path(move: Move) -> str:
    """Where a move is made, below the entity's own address."""
    return "" if move.is_creation or move.name in MOVE_METHODS else f"/{move.name}"


def profile_link(name: str) -> dict[str, str]:
    return {"href": f"{request_state().root}/profile#{name}"}


def account_link(actor: Actor) -> dict[str, str]:
    return {"href": build_url(f"/users/{actor.id}"), "title": f"{actor.name} ({actor.role})"}


def refuse_unsupported(schema: Schema) -> None:
    """Refuse what our own way of writing members would ignore."""
    if renamed := [name for name, field in schema.fields.items() if field.data_key]:
        raise TypeError(f"{type(schema).__name__}: data_key is not supported ({', '.join(renamed)})")
    if any(schema._hooks[hook] for hook in ("pre_dump", "post_dump")):
        raise TypeError(f"{type(schema).__name__}: hooks of dumping are not supported")


class LinkedSchema(Schema):
    """Anything with links; what begins with an underscore comes last."""

    _links = fields.Method("links", metadata={"type": "object", "additionalProperties": LINK_SCHEMA})
    _templates = fields.Method("forms", metadata={"type": "object", **OPTIONAL_MEMBER})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        refuse_unsupported(self)
        self.dump_fields = dict(
            sorted(self.dump_fields.items(), key=lambda each: each[0] * (each[0][0] == "_"))
        )
        self.writers = [(name, build_writer(self, name, field)) for name, field in self.dump_fields.items()]

    def dump(self, thing: Any, *, many: bool | None = None) -> Any:
        around = build_render_context()
        return [self.serialize(each, around) for each in thing] if many else self.serialize(thing, around)

    def serialize(self, thing: Any, frame: RenderContext) -> dict[str, Any]:
        said = {name: write(thing, frame) for name, write in self.writers}
        return {name: value for name, value in said.items() if value is not missing}

    def select(self, names: tuple[str, ...]) -> "LinkedSchema":
        """The same with some of its members; only documents of entities have a choice."""
        return self

    def forms(self, thing: Any, frame: RenderContext) -> Any:
        """The forms of what may be done, for clients that know forms."""
        return self.templates(thing) if frame.forms else missing

    def templates(self, thing: Any) -> dict[str, dict[str, Any]]:
        return {}


class Representation(LinkedSchema):
    """An entity: its state, its tag, its links."""

    kind: ClassVar[type[Entity]]
    path: ClassVar[str]

    id = fields.Integer(metadata={"description": "The number it keeps for ever."})
    _etag = fields.Function(
        lambda entity: f'"{entity.tag}"',
        metadata={"type": "string", "description": "What If-Match asks for."},
    )

    def select(self, names: tuple[str, ...]) -> "LinkedSchema":
        return select_members(type(self), names) if names else self

    @classmethod
    def at(cls, entity: Entity) -> str:
        return build_url(f"{cls.path}/{entity.id}")

    def links(self, entity: Entity, frame: RenderContext) -> dict[str, dict[str, Any]]:
        here = f"{frame.base}{self.path}/{entity.id}"
        return {
            "self": {"href": here},
            **self.extra_links(entity, frame),
            "profile": {"href": f"{frame.root}/profile#{self.kind.__name__.lower()}"},
            **{
                move.name: build_move_link(here, move)
                for move in find_available_moves(entity, frame.context.get_roles(entity))
            },
        }

    def templates(self, entity: Entity) -> dict[str, dict[str, Any]]:
        here = self.at(entity)
        return {
            move.name: build_move_form(here, move, entity)
            for move in find_available_moves(entity, get_context().get_roles(entity))
        }

    def extra_links(self, entity: Entity, frame: RenderContext) -> dict[str, dict[str, Any]]:
        return {"collection": {"href": frame.base + self.path}}


def build_move_link(here: str, move: Move) -> dict[str, str]:
    return {"href": here + move_path(move), "title": move.title}


def build_move_form(here: str, move: Move, entity: Entity) -> dict[str, Any]:
    """The form of a move: filled in with what is, and with the version that was seen."""
    method = MOVE_METHODS.get(move.name, ("POST",))[-1]
    values = {name: getattr(entity, name, None) for name in move.takes().fields} if method == "PATCH" else {}
    keyed = build_form_key(here, move.name, entity.tag) if method == "POST" else None
    shape = move.takes(partial=method == "PATCH")
    hidden = {"_etag": f'"{entity.tag}"', "_idempotency_key": keyed}
    return build_form(move.title, method, here + move_path(move), shape, **values, **hidden)


def build_creation_form(here: str, move: Move, kind: type[Entity]) -> dict[str, Any]:
    """The form of a move that begins an entity; its key changes as soon as there is a newer one."""
    newest = find_newest_id(get_context(), kind) if get_context().actor else None
    return build_form(move.title, "POST", here, move.takes(), _idempotency_key=build_form_key(here, newest))


def build_creation_forms(kind: type[Entity], here: str) -> dict[str, dict[str, Any]]:
    offered = find_available_moves(kind, get_context().get_roles())
    return {move.name: build_creation_form(here, move, kind) for move in offered if has_form(move.takes)}


class CollectionRepresentation(LinkedSchema):
    """A page of documents, full ones, and the ways to the other pages."""

    document: ClassVar[type[Representation]]
    search: ClassVar[type[Schema]]
    names: ClassVar[tuple[str, ...]]

    total = fields.Integer()
    page = fields.Integer(attribute="number")
    per_page = fields.Integer()
    pages = fields.Integer()
    _embedded = fields.Method("embed")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.names = tuple(cls.search().fields)

    def embed(self, page: Page, _: RenderContext) -> dict[str, list[Any]]:
        return {"item": select_members(self.document, parse_fields()).dump(page.items, many=True)}

    def links(self, page: Page, _: RenderContext) -> dict[str, dict[str, Any]]:
        query = {name: word for name, word in request.args.items() if name in self.names}
        turns = {"first": 1, "prev": page.prev, "next": page.next, "last": page.last}
        return {
            "self": {"href": self.href(**query)},
            **{rel: {"href": self.href(**turn_page(query, to))} for rel, to in turns.items() if to},
            "search": self.template(),
            "profile": profile_link("collection"),
            **self.is_creation(),
        }

    def templates(self, page: Page) -> dict[str, dict[str, Any]]:
        return {
            "search": self.searching(),
            **build_creation_forms(self.document.kind, build_url(self.document.path)),
        }

    def searching(self) -> dict[str, Any]:
        return build_form("Search", "GET", self.href(), self.search())

    def template(self) -> dict[str, Any]:
        return {"href": f"{self.href()}{{?{','.join(self.names)}}}", "templated": True}

    def path(self) -> str:
        return self.document.path

    def href(self, **query: Any) -> str:
        return build_url(self.path(), **query)

    def is_creation(self) -> dict[str, dict[str, str]]:
        kind = self.document.kind
        here = build_url(self.document.path)
        return {
            move.name: build_move_link(here, move)
            for move in find_available_moves(kind, get_context().get_roles())
        }


def turn_page(query: dict[str, str], to: Cursor | int) -> dict[str, str]:
    """The same search at another page; the first page needs no number."""
    rest = {name: value for name, value in query.items() if name != "page"}
    return rest if to == 1 else {**rest, "page": str(to)}


@lru_cache(256)
def select_members(document: type[Representation], names: tuple[str, ...]) -> Representation:
    return document(only=(*names, "_etag", "_links", "_templates")) if names else document()


def find_read_only(document: type[Representation], shape: type[Schema]) -> frozenset[str]:
    """What a client reads and may send back, but not change."""
    return frozenset(document().fields) - frozenset(shape().fields)
