"""How things look in HAL: their state, the way on, and the moves that this caller may make now."""

from functools import lru_cache
from typing import Any, ClassVar

from flask import request
from marshmallow import Schema, fields, missing

from shop.doors.rest.blueprint import asked_fields
from shop.doors.rest.forms import form, key, sayable
from shop.doors.rest.guard import href
from shop.doors.rest.writing import Frame, frame, writer
from shop.doors.web import context
from shop.hypermedia.request import request_state
from shop.model.entity import Entity
from shop.model.moves import Move, find_available_moves
from shop.storage.execution import find_newest_id
from shop.storage.pagination import Cursor, Page
from shop.storage.transactions import Actor

METHODS = {"update": ("PUT", "PATCH"), "delete": ("DELETE",)}
SOMETIMES = {"x-sometimes": True}  # a member that is there only when it has something to say
LINK = {"$ref": "#/components/schemas/Link"}


def place(move: Move) -> str:
    """Where a move is made, below the entity's own address."""
    return "" if move.begins or move.name in METHODS else f"/{move.name}"


def profile(name: str) -> dict[str, str]:
    return {"href": f"{request_state().root}/profile#{name}"}


def myself(actor: Actor) -> dict[str, str]:
    return {"href": href(f"/users/{actor.id}"), "title": f"{actor.name} ({actor.role})"}


def refuse_unsupported(schema: Schema) -> None:
    """Refuse what our own way of writing members would ignore."""
    if renamed := [name for name, field in schema.fields.items() if field.data_key]:
        raise TypeError(f"{type(schema).__name__}: data_key is not supported ({', '.join(renamed)})")
    if any(schema._hooks[hook] for hook in ("pre_dump", "post_dump")):
        raise TypeError(f"{type(schema).__name__}: hooks of dumping are not supported")


class Resource(Schema):
    """Anything with links; what begins with an underscore comes last."""

    _links = fields.Method("links", metadata={"type": "object", "additionalProperties": LINK})
    _templates = fields.Method("forms", metadata={"type": "object", **SOMETIMES})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        refuse_unsupported(self)
        self.dump_fields = dict(
            sorted(self.dump_fields.items(), key=lambda each: each[0] * (each[0][0] == "_"))
        )
        self.writers = [(name, writer(self, name, field)) for name, field in self.dump_fields.items()]

    def dump(self, thing: Any, *, many: bool | None = None) -> Any:
        around = frame()
        return [self.said(each, around) for each in thing] if many else self.said(thing, around)

    def said(self, thing: Any, frame: Frame) -> dict[str, Any]:
        said = {name: write(thing, frame) for name, write in self.writers}
        return {name: value for name, value in said.items() if value is not missing}

    def select(self, names: tuple[str, ...]) -> "Resource":
        """The same with some of its members; only documents of entities have a choice."""
        return self

    def forms(self, thing: Any, frame: Frame) -> Any:
        """The forms of what may be done, for clients that know forms."""
        return self.templates(thing) if frame.forms else missing

    def templates(self, thing: Any) -> dict[str, dict[str, Any]]:
        return {}


class Document(Resource):
    """An entity: its state, its tag, its links."""

    kind: ClassVar[type[Entity]]
    path: ClassVar[str]

    id = fields.Integer(metadata={"description": "The number it keeps for ever."})
    _etag = fields.Function(
        lambda entity: f'"{entity.tag}"',
        metadata={"type": "string", "description": "What If-Match asks for."},
    )

    def select(self, names: tuple[str, ...]) -> "Resource":
        return shaped(type(self), names) if names else self

    @classmethod
    def at(cls, entity: Entity) -> str:
        return href(f"{cls.path}/{entity.id}")

    def links(self, entity: Entity, frame: Frame) -> dict[str, dict[str, Any]]:
        here = f"{frame.base}{self.path}/{entity.id}"
        return {
            "self": {"href": here},
            **self.ways(entity, frame),
            "profile": {"href": f"{frame.root}/profile#{self.kind.__name__.lower()}"},
            **{
                move.name: offer(here, move)
                for move in find_available_moves(entity, frame.context.roles(entity))
            },
        }

    def templates(self, entity: Entity) -> dict[str, dict[str, Any]]:
        here = self.at(entity)
        return {
            move.name: changing(here, move, entity)
            for move in find_available_moves(entity, context().roles(entity))
        }

    def ways(self, entity: Entity, frame: Frame) -> dict[str, dict[str, Any]]:
        return {"collection": {"href": frame.base + self.path}}


def offer(here: str, move: Move) -> dict[str, str]:
    return {"href": here + place(move), "title": move.title}


def changing(here: str, move: Move, entity: Entity) -> dict[str, Any]:
    """The form of a move: filled in with what is, and with the version that was seen."""
    method = METHODS.get(move.name, ("POST",))[-1]
    values = {name: getattr(entity, name, None) for name in move.takes().fields} if method == "PATCH" else {}
    keyed = key(here, move.name, entity.tag) if method == "POST" else None
    shape = move.takes(partial=method == "PATCH")
    hidden = {"_etag": f'"{entity.tag}"', "_idempotency_key": keyed}
    return form(move.title, method, here + place(move), shape, **values, **hidden)


def beginning(here: str, move: Move, kind: type[Entity]) -> dict[str, Any]:
    """The form of a move that begins an entity; its key changes as soon as there is a newer one."""
    newest = find_newest_id(context(), kind) if context().actor else None
    return form(move.title, "POST", here, move.takes(), _idempotency_key=key(here, newest))


def beginnings(kind: type[Entity], here: str) -> dict[str, dict[str, Any]]:
    offered = find_available_moves(kind, context().roles())
    return {move.name: beginning(here, move, kind) for move in offered if sayable(move.takes)}


class Collection(Resource):
    """A page of documents, full ones, and the ways to the other pages."""

    document: ClassVar[type[Document]]
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

    def embed(self, page: Page, _: Frame) -> dict[str, list[Any]]:
        return {"item": shaped(self.document, asked_fields()).dump(page.items, many=True)}

    def links(self, page: Page, _: Frame) -> dict[str, dict[str, Any]]:
        query = {name: word for name, word in request.args.items() if name in self.names}
        turns = {"first": 1, "prev": page.prev, "next": page.next, "last": page.last}
        return {
            "self": {"href": self.href(**query)},
            **{rel: {"href": self.href(**turned(query, to))} for rel, to in turns.items() if to},
            "search": self.template(),
            "profile": profile("collection"),
            **self.begins(),
        }

    def templates(self, page: Page) -> dict[str, dict[str, Any]]:
        return {"search": self.searching(), **beginnings(self.document.kind, href(self.document.path))}

    def searching(self) -> dict[str, Any]:
        return form("Search", "GET", self.href(), self.search())

    def template(self) -> dict[str, Any]:
        return {"href": f"{self.href()}{{?{','.join(self.names)}}}", "templated": True}

    def path(self) -> str:
        return self.document.path

    def href(self, **query: Any) -> str:
        return href(self.path(), **query)

    def begins(self) -> dict[str, dict[str, str]]:
        kind = self.document.kind
        here = href(self.document.path)
        return {move.name: offer(here, move) for move in find_available_moves(kind, context().roles())}


def turned(query: dict[str, str], to: Cursor | int) -> dict[str, str]:
    """The same search at another page; the first page needs no number."""
    rest = {name: value for name, value in query.items() if name != "page"}
    return rest if to == 1 else {**rest, "page": str(to)}


@lru_cache(256)
def shaped(document: type[Document], names: tuple[str, ...]) -> Document:
    return document(only=(*names, "_etag", "_links", "_templates")) if names else document()


def readonly(document: type[Document], shape: type[Schema]) -> frozenset[str]:
    """What a client reads and may send back, but not change."""
    return frozenset(document().fields) - frozenset(shape().fields)
