"""The explorer on an unknown API: a library, which uses HAL-FORMS in another style."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from jinja2 import Template
from playwright.sync_api import expect

from shop.hypermedia.explorer import FOLDER, MODULES
from tests.browser.conftest import Reader, open_reader

FORMS = "application/prs.hal-forms+json"
BOOKS = {0: {"title": "Momo", "shelf": "A1"}, 1: {"title": "Emil", "shelf": "B2"}}
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}


def build_book(number: int) -> dict:
    title = {"title": "Title", "name": "title", "required": True, "value": BOOKS[number]["title"]}
    shelf = {"name": "shelf", "options": {"link": {"href": "/shelves"}, "maxItems": 1}}
    topics = {"name": "topics", "options": {"inline": [{"prompt": "For children", "value": "c"}, "crime"]}}
    due = {"name": "due", "type": "date", "prompt": "Due on"}
    template = {"method": "PUT", "title": "Edit the book", "properties": [title, shelf, topics, due]}
    events = {"href": f"/books/{number}/events", "type": "text/event-stream"}
    return {**BOOKS[number], "pages": 300,
            "_links": {"self": {"href": f"/books/{number}"}, "shelf": {"href": "/shelves"}, "news": events},
            "_templates": {"default": template}}  # fmt: skip


class Library(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.removeprefix("/parts/")
        if name in (*MODULES, "theme.js", "explorer.css"):
            return self.send_text((FOLDER / name).read_text(), MEDIA_TYPES["." + name.rpartition(".")[2]])
        if "text/html" in self.headers["Accept"]:
            page = Template((FOLDER / "index.html").read_text())
            return self.send_text(
                page.render(
                    service={"name": "Books"}, base="/nobody", parts="/parts", prefix="", modules=MODULES
                ),
                "text/html",
            )
        if self.headers["Accept"] == "text/event-stream":
            return self.send_text("retry: 100\n\n", "text/event-stream")  # it ends, as behind a plain server
        documents = {"/books/0": build_book(0), "/books/1": build_book(1), "/shelves": ["A1", "B2", "C3"]}
        shelf = {
            "_links": {"self": {"href": "/books"}},
            "_embedded": {"books": [build_book(0), build_book(1)]},
        }
        return self.send_text(json.dumps({"/books": shelf, **documents}.get(self.path, {})), FORMS)

    def do_PUT(self) -> None:
        BOOKS[0] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_text(json.dumps(build_book(0)), FORMS)

    def send_text(self, text: str, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def library() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Library) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def visitor(browser, library) -> Iterator[Reader]:
    yield from open_reader(browser, f"http://127.0.0.1:{library.server_port}")


def test_its_lists_are_tables(visitor):
    expect(visitor.open("/books").page.locator("tbody tr")).to_have_count(2)


def test_its_rows_lead_to_its_items(visitor):
    visitor.open("/books").link("Emil").click()
    expect(visitor.heading).to_have_text("Emil")


def test_its_links_are_followed(visitor):
    visitor.open("/books/0")
    expect(visitor.page.get_by_role("navigation", name="Leads to").get_by_role("link")).to_have_text(
        ["Shelf"]
    )


def test_its_options_are_fetched_from_where_they_are(visitor):
    shelf = visitor.open("/books/0").page.get_by_label("Shelf")
    expect(shelf.locator("option")).to_have_text(["", "A1", "B2", "C3"])


def test_its_forms_are_sent_as_they_are_typed(visitor, monkeypatch):
    monkeypatch.setitem(BOOKS, 0, BOOKS[0])  # restored afterwards
    form = visitor.open("/books/0").page.get_by_role("form", name="Edit the book")
    form.get_by_label("Due on").fill("2026-12-24")
    form.get_by_label("Topics").select_option(["c", "crime"])
    form.get_by_role("button", name="Edit the book").click()
    expect(visitor.value("Due")).to_have_text("2026-12-24")
    assert BOOKS[0] == {"title": "Momo", "topics": ["c", "crime"], "due": "2026-12-24"}


def test_its_streams_say_when_to_look_again(visitor, monkeypatch):
    visitor.open("/books/1")
    monkeypatch.setitem(BOOKS[1], "shelf", "C3")
    expect(visitor.value("Shelf")).to_have_text("C3")
    expect(visitor.page.locator("#spoken")).to_have_text("Shelf is now C3.")
