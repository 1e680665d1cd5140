"""A library: books that members borrow and return, and that librarians add and retire.

A whole service in one file: `flask --app examples/library.py run` starts it, with its database beside you.
"""

from marshmallow import fields
from sqlalchemy import Select, String
from sqlalchemy.orm import Mapped, mapped_column, object_session

from shop.hypermedia.app import create_service
from shop.hypermedia.callers import bearer_keys
from shop.hypermedia.representations import Representation
from shop.hypermedia.resources import Resource
from shop.hypermedia.serializers import describe
from shop.model.entity import Entity
from shop.model.fields import InputSchema, PlainText
from shop.model.moves import MEMBER, OWNER, move
from shop.storage.pagination import PageInput
from shop.storage.transactions import Actor, Context

LIBRARIAN = "librarian"
# The key of each account. Choose your own before others can reach the service.
ADA, GRACE = Actor(1, MEMBER, name="ada"), Actor(2, LIBRARIAN, name="grace")
KEYS = {"ada-likes-to-read": ADA, "grace-keeps-the-books": GRACE}


class NewBook(InputSchema):
    title = PlainText(1, 200, required=True)


class Book(Entity):
    __tablename__ = "books"

    title: Mapped[str] = mapped_column(String(200))
    owner_id: Mapped[int | None]  # who has borrowed it

    @property
    def is_available(self) -> bool:
        return self.owner_id is None

    @move(title="Add a book", by=LIBRARIAN, takes=NewBook)
    @classmethod
    def create(cls, title: str) -> "Book":
        return cls(title=title)

    @move(title="Borrow this book", by=MEMBER, when=lambda book: book.is_available, otherwise="it is lent")
    def borrow(self, actor: Actor) -> None:
        self.owner_id = actor.id

    @move(title="Return this book", by={OWNER, LIBRARIAN}, when=lambda book: not book.is_available)
    def return_(self) -> None:
        self.owner_id = None

    @move(title="Retire this book", by=LIBRARIAN, when=lambda book: book.is_available)
    def delete(self) -> None:
        object_session(self).delete(self)


class BookRepresentation(Representation):
    title = fields.String(metadata=describe("The title on the cover."))
    is_available = fields.Boolean(metadata=describe("Whether it can be borrowed now."))


class BookSearch(PageInput):
    q = PlainText(1, 100, metadata={"prompt": "Words of the title"})


def select_books(ctx: Context, search: dict[str, str]) -> Select[tuple[Book]]:
    return ctx.select_visible(Book).where(Book.title.icontains(search.get("q", ""), autoescape=True))


books = Resource(
    Book, path="/books", description="All books.", representation=BookRepresentation, search=BookSearch,
    select=select_books,
)  # fmt: skip
app = create_service(
    "Library", resources=[books], identify=bearer_keys(KEYS), database_url="sqlite:///library.db",
    secret_key=" ".join(KEYS),
)  # fmt: skip
