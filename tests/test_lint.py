"""`shop lint`: a correct API passes for every caller, and each error is reported with its URL."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from shop.app import create_app
from shop.cli.migrations import upgrade_database
from shop.domain.product import Product
from shop.domain.user import CUSTOMER
from shop.model.moves import STAFF
from tests.conftest import PASSWORD, Person, enroll_user, settings_for
from tests.running import serving
from tests.servers import find_free_port

SHOP = Path(sys.executable).with_name("shop")
HAL, PROBLEM = "application/prs.hal-forms+json", "application/problem+json"
SAFE = {"GET", "OPTIONS", "PROPFIND"}


# ---- The shop itself -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running shop with products, users, and orders in several states."""
    url = f"sqlite:///{tmp_path_factory.mktemp('lint') / 'shop.db'}"
    app = create_app(settings_for(url))
    with app.app_context():
        upgrade_database()
        session = app.extensions["sqlalchemy"].session()
        session.add_all(
            Product(name=f"Mug {n}", description="", price=1200, stock=0 if n == 7 else 9) for n in range(25)
        )
        session.commit()
    customer, staff = (
        Person(app.test_client(), tokens=enroll_user(app, role, role)[1]) for role in (CUSTOMER, STAFF)
    )
    for number, moves in enumerate(([], ["cancel"], ["pay", "ship", "deliver"], ["pay", "refund"]), 1):
        items = [{"product_id": number, "quantity": 2}, {"product_id": 20, "quantity": 1}]
        here = customer.post("/api/v1/orders", {"items": items}).json["_links"]["self"]["href"]
        for move in moves:
            words = {"pay": {"reference": "r-1"}, "ship": {"tracking": "t-1"}}.get(move, {})
            assert staff.post(f"{here}/{move}", words).status_code == 200
    assert staff.delete("/api/v1/products/20").status_code == 204
    with serving(url, login_rate_limit="1000/minute") as (process,):
        yield f"http://127.0.0.1:{process.port}"


@pytest.mark.parametrize("start", ["/", "/api/v1/", "/api/v2/", "/api/"])
def test_a_stranger_finds_no_flaw_in_the_shop(run, shop, start):
    result = run("lint", shop + start)
    assert (result.code, result.err, result.out.count("\n")) == (0, "", 1)


@pytest.mark.parametrize("start", ["/api/v1/", "/api/v2/"])
@pytest.mark.parametrize("role", [CUSTOMER, STAFF])
def test_who_is_logged_in_finds_no_flaw_in_the_shop(run, shop, role, start):
    result = run("lint", shop + start, "--as", role, stdin=f"{PASSWORD}\n".encode())
    assert (result.code, result.err, result.out.count("\n")) == (0, "", 1)


def test_a_terminal_shows_how_far_it_is(shop):
    ours, theirs = pty.openpty()
    with subprocess.Popen([SHOP, "lint", shop], stderr=theirs, stdout=subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = read_terminal(ours)
    assert (process.returncode, bool(re.search(r"\d+ documents, \d+ to go", shown))) == (0, True)


def read_terminal(terminal: int) -> str:
    shown = b""
    with suppress(OSError):  # Linux raises this when the other end is closed
        while chunk := os.read(terminal, 65536):
            shown += chunk
    os.close(terminal)
    return shown.decode()


# ---- Another API with one error --------------------------------------------------------------------


def build_note(number: int, **links: Any) -> dict[str, Any]:
    return {"text": "milk", "_links": {"self": {"href": f"/notes/{number}"}, **links}}


class Notes:
    """Another API, with other rels and fields; a test breaks a part of it before it runs the linter."""

    def __init__(self) -> None:
        self.url, self.requests, self.waits, self.allow = "", [], {}, {"/notes/1/shred": "POST"}
        self.refused = {"type": "about:blank", "title": "Method Not Allowed", "status": 405}
        self.answers: dict[str, tuple[int, str, Any]] = {}
        self.set_answer("/", {
            "_links": {
                "self": {"href": "/"}, "notes": {"href": "/notes"}, "n:first": {"href": "notes/1"},
                "find": {"href": "/notes{?q,from*}", "templated": True}, "day": {"href": "/days/{day}", "templated": True},
                "curies": [{"name": "n", "href": "/words/{rel}", "templated": True}],
                "mail": {"href": "mailto:notes@notes.example"}, "about": {"href": "https://notes.example/"},
            },
            "_templates": {"enter": {
                "method": "POST", "target": "/door", "contentType": "application/x-www-form-urlencoded",
                "properties": [{"name": "nick"}, {"name": "word", "type": "password"}, {"name": "seal", "type": "hidden", "value": "s"}],
            }},
        })  # fmt: skip
        self.set_answer("/notes", {
            "_links": {"self": {"href": "/notes"}},
            "_embedded": {"note": [build_note(1), build_note(2)]},
            "_templates": {"write": {"method": "POST", "properties": [{"name": "text", "regex": r"(?<a>\w+)", "required": True}]}},
        })  # fmt: skip
        self.set_answer("/notes/1", build_note(1, shred={"href": "/notes/1/shred"}))
        self.set_answer("/notes/2", build_note(2))
        self.answers["/words/first"] = (200, "text/html", "<p>The first note.")
        self.allow |= {"/notes": "GET, POST", "/door": "POST"}

    def set_answer(self, path: str, document: Any, status: int = 200, media: str = HAL) -> None:
        self.answers[path] = (status, media, document)

    def get_document(self, path: str) -> Any:
        return self.answers[path][2]

    def answer(self, method: str, path: str, body: str) -> tuple[int, str, Any, dict[str, str]]:
        self.requests.append((method, path, body))
        allow = {"Allow": self.allow.get(path, "GET")}
        if self.waits.pop(path, None):
            return 429, PROBLEM, {}, {"Retry-After": "1"}
        if method == "OPTIONS":
            return 204, "", None, {"Allow": self.allow.get(f"OPTIONS {path}", allow["Allow"])}
        if path not in self.answers and path not in self.allow:
            return 404, PROBLEM, {"type": "about:blank", "title": "Not Found", "status": 404}, {}
        if method in allow["Allow"] and path in self.answers:
            return *self.answers[path], {}
        return 405, PROBLEM, self.refused, allow


@pytest.fixture
def notes() -> Iterator[Notes]:
    api = Notes()

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline()
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            status, media, document, headers = api.answer(self.command, self.path.partition("?")[0], body)
            data = (
                b""
                if document is None
                else (document if isinstance(document, str) else json.dumps(document)).encode()
            )
            self.send_response(status)
            for name, value in {"Content-Type": media, "Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        api.url = f"http://127.0.0.1:{server.server_port}"
        yield api
        server.shutdown()


def test_it_reads_an_api_it_has_never_heard_of(run, notes):
    result = run("lint", notes.url)
    assert (result.code, result.out) == (0, "6 documents, 13 links, 2 templates checked.\n")


def test_it_changes_nothing(run, notes):
    run("lint", notes.url)
    assert {method for method, *_ in notes.requests} == SAFE


def test_it_stays_on_the_server_it_was_sent_to(run, notes):
    assert "notes.example" not in run("lint", notes.url).out


def broken_link(notes):
    notes.get_document("/notes/2")["_links"]["gone"] = {"href": "/nowhere"}


def null_link(notes):
    notes.get_document("/notes/2")["_links"]["next"] = None


def link_without_href(notes):
    notes.get_document("/notes/2")["_links"]["next"] = {"title": "Next"}


def unsaid_template(notes):
    del notes.get_document("/")["_links"]["find"]["templated"]


def template_of_text(notes):
    notes.get_document("/")["_links"]["find"]["templated"] = "true"


def malformed_template(notes):
    notes.get_document("/")["_links"]["find"]["href"] = "/notes{?q"


def no_self(notes):
    del notes.get_document("/notes/2")["_links"]["self"]


def item_without_self(notes):
    del notes.get_document("/notes")["_embedded"]["note"][0]["_links"]


def two_shapes(notes):
    notes.get_document("/notes/2")["_links"]["shred"] = [{"href": "/notes/1/shred"}]


def two_embedded_shapes(notes):
    notes.get_document("/notes/2")["_embedded"] = {"note": build_note(1)}


def array(notes):
    notes.set_answer("/notes/2", [build_note(2)])


def not_json(notes):
    notes.set_answer("/notes/2", "{")


def links_in_a_list(notes):
    notes.set_answer("/notes/2", {"_links": [{"href": "/"}]})


def lower_case(notes):
    notes.get_document("/notes")["_templates"]["write"]["method"] = "post"


def no_such_target(notes):
    notes.get_document("/notes")["_templates"]["write"]["target"] = "http://[/"


def wrong_method(notes):
    notes.get_document("/notes")["_templates"]["write"]["method"] = "PUT"


def nameless_property(notes):
    notes.get_document("/notes")["_templates"]["write"]["properties"].append({"type": "text"})


def unknown_type(notes):
    notes.get_document("/notes")["_templates"]["write"]["properties"][0]["type"] = "boolean"


def python_regex(notes):
    notes.get_document("/notes")["_templates"]["write"]["properties"][0]["regex"] = r"(?P<a>\w+)"


def options_of_nothing(notes):
    notes.get_document("/notes")["_templates"]["write"]["properties"][0]["options"] = {"inline": "a, b"}


def wrong_allow(notes):
    notes.allow["OPTIONS /notes/1"] = "GET, DELETE"


def empty_allow(notes):
    notes.allow["/notes/1/shred"] = ""


def wrong_status(notes):
    notes.refused = {**notes.refused, "status": 400}


def problem_without_title(notes):
    del notes.refused["title"]


def undescribed_word(notes):
    del notes.answers["/words/first"]


FLAWS = [
    (broken_link, "/nowhere", "404"),
    (null_link, "/notes/2", "link next: it is null"),
    (link_without_href, "/notes/2", "no href"),
    (unsaid_template, "/", "templated is not true"),
    (template_of_text, "/", "templated is not true"),
    (malformed_template, "/", "no template"),
    (no_self, "/notes/2", "no self"),
    (item_without_self, "/notes", "embedded note: it has no self"),
    (two_shapes, "/notes/2", "shred is a list here, and one object at"),
    (two_embedded_shapes, "/notes/2", "note is one object here, and a list at"),
    (array, "/notes/2", "not a JSON object"),
    (not_json, "/notes/2", "not a JSON object"),
    (links_in_a_list, "/notes/2", "_links is not an object"),
    (lower_case, "/notes", "upper case"),
    (no_such_target, "/notes", "is no URL"),
    (wrong_method, "/notes", "allows GET, POST, not PUT"),
    (nameless_property, "/notes", "with a name"),
    (unknown_type, "/notes", "'boolean'"),
    (python_regex, "/notes", "regex"),
    (options_of_nothing, "/notes", "options"),
    (wrong_allow, "/notes/1", "OPTIONS allows DELETE, GET, a 405 GET"),
    (empty_allow, "/notes/1/shred", "405"),
    (wrong_status, "/notes/1/shred", "its problem says 400, the answer is 405"),
    (problem_without_title, "/notes/1/shred", "no title"),
    (undescribed_word, "/words/first", "404"),
]


@pytest.mark.parametrize(
    ("break_notes", "path", "words"), FLAWS, ids=[break_notes.__name__ for break_notes, *_ in FLAWS]
)
def test_what_is_wrong_is_named_with_its_url(run, notes, break_notes, path, words):
    break_notes(notes)
    result = run("lint", notes.url)
    assert any(line.startswith(f"{notes.url}{path}: ") and words in line for line in result.out.splitlines())


@pytest.mark.parametrize(
    "break_notes", [break_notes for break_notes, *_ in FLAWS], ids=lambda break_notes: break_notes.__name__
)
def test_what_is_wrong_ends_it_with_1(run, notes, break_notes):
    break_notes(notes)
    result = run("lint", notes.url)
    assert (result.code, bool(re.fullmatch(r"shop: flaws: \d+, URLs: \d+\n", result.err))) == (1, True)


GARBAGE = [None, 0, "x", [], {}, [[]], {"href": 1}, {"a": None}, "\x1b[2J", "http://[", {"$ref": "#/no"}]


@pytest.mark.parametrize("word", ["_links", "_embedded", "_templates"])
@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
def test_no_garbage_makes_it_stumble(run, notes, word, garbage):
    notes.get_document("/notes/2")[word] = garbage
    notes.get_document("/notes/1")[word] = {
        "x": garbage,
        "self": {"href": garbage},
        "service-desc": {"href": "/spec"},
    }
    notes.get_document("/notes")["_templates"]["write"] |= {
        "properties": garbage,
        "target": garbage,
        "method": garbage,
    }
    result = run("lint", notes.url)
    assert (result.code, "\x1b" in result.out, len(result.err.splitlines())) == (1, False, 1)


# ---- Comparison with the OpenAPI document ----------------------------------------------------------


NOTE = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}


@pytest.fixture
def documented_notes(notes):
    """The notes, with a correct OpenAPI document."""

    def describe_get(schema):
        return {"get": {"responses": {"200": {"content": {HAL: {"schema": schema}}}}}}

    spec = {
        "openapi": "3.1.0", "components": {"schemas": {"Note": NOTE}},
        "paths": {"/notes": describe_get({"type": "object"}), "/notes/{id}": describe_get({"$ref": "#/components/schemas/Note"}),
                  "/notes/{id}/shred": {"post": {"responses": {}}}},
    }  # fmt: skip
    notes.set_answer("/spec", spec, media="application/json")
    notes.get_document("/")["_links"]["service-desc"] = {"href": "/spec"}
    return notes


def test_what_is_as_documented_passes(run, documented_notes):
    assert run("lint", documented_notes.url).code == 0


def undocumented_path(notes):
    del notes.get_document("/spec")["paths"]["/notes/{id}"]


def undocumented_status(notes):
    answers = notes.get_document("/spec")["paths"]["/notes/{id}"]["get"]["responses"]
    answers["202"] = answers.pop("200")


def undocumented_type(notes):
    answers = notes.get_document("/spec")["paths"]["/notes/{id}"]["get"]["responses"]
    answers["200"]["content"] = {"text/plain": {}}


def undocumented_shape(notes):
    notes.get_document("/notes/2")["text"] = 7


def documentation_of_nothing(notes):
    notes.get_document("/spec")["components"] = {}


@pytest.mark.parametrize(
    ("break_notes", "words"),
    [
        (undocumented_path, "does not know this path"),
        (undocumented_status, "knows no 200"),
        (undocumented_type, f"knows no {HAL}"),
        (undocumented_shape, "$.text: 7 is not of type 'string'"),
        (documentation_of_nothing, "is broken"),
    ],
)
def test_what_is_not_as_documented_is_named(run, documented_notes, break_notes, words):
    break_notes(documented_notes)
    result = run("lint", documented_notes.url)
    assert (result.code, f"{documented_notes.url}/notes/2: " in result.out, words in result.out) == (
        1,
        True,
        True,
    )


# ---- Callers ---------------------------------------------------------------------------------------


@pytest.fixture
def notes_with_login(notes):
    """The notes, with a login whose fields have other names, and a logout."""
    home = notes.get_document("/")
    home["_templates"]["login"] = home["_templates"].pop("enter")
    notes.set_answer(
        "/door", {"access_token": "t", "_links": {"logout": {"href": "/out"}}}, media="application/json"
    )
    notes.answers["/out"] = (204, "", None)
    notes.allow["/out"] = "DELETE"
    return notes


def test_it_logs_in_by_the_form_of_the_home(run, notes_with_login):
    run("lint", notes_with_login.url, "--as", "eve", "--password-stdin", stdin=b"her word\n")
    assert ("POST", "/door", "nick=eve&word=her+word&seal=s") in notes_with_login.requests


def test_it_logs_out_at_the_end(run, notes_with_login):
    run("lint", notes_with_login.url, "--as", "eve", "--password-stdin", stdin=b"her word\n")
    assert notes_with_login.requests[-1][:2] == ("DELETE", "/out")


def test_every_account_has_a_line_of_its_own(run, notes_with_login):
    run("lint", notes_with_login.url, "--as", "eve", "--as", "bob", "--password-stdin", stdin=b"one\ntwo\n")
    entered = [
        body for method, path, body in notes_with_login.requests if (method, path) == ("POST", "/door")
    ]
    assert entered == ["nick=eve&word=one&seal=s", "nick=bob&word=two&seal=s"]


def test_a_password_that_is_not_there_is_wrong_usage(run, notes_with_login):
    assert run("lint", notes_with_login.url, "--as", "eve", "--password-stdin").code == 2


def test_a_login_that_is_refused_is_one_line(run, notes_with_login):
    notes_with_login.set_answer("/door", {}, status=401)
    result = run("lint", notes_with_login.url, "--as", "eve", stdin=b"x\n")
    assert (result.code, result.err) == (1, f"shop: eve cannot log in at {notes_with_login.url}/door: 401\n")


def test_no_other_server_hears_a_password(run, notes_with_login):
    notes_with_login.get_document("/")["_templates"]["login"]["target"] = "http://127.0.0.1:1/door"
    result = run("lint", notes_with_login.url, "--as", "eve", stdin=b"x\n")
    assert (result.code, "has no login" in result.err) == (1, True)


# ---- Limits ----------------------------------------------------------------------------------------


def test_it_waits_when_it_is_asked_to(run, notes):
    notes.waits = {"/notes": True}
    assert run("lint", notes.url).code == 0


def test_it_waits_no_longer_than_its_time(run, notes):
    notes.waits = {"/notes": True}
    result = run("lint", notes.url, "--deadline", "1")
    assert (result.code, "--deadline" in result.err) == (0, True)


def test_it_stops_after_so_many_pages(run, notes):
    result = run("lint", notes.url, "--pages", "2")
    assert (result.out[:11], "--pages" in result.err) == ("2 documents", True)


def test_a_service_that_is_not_there_is_named(run, empty_folder):
    url = f"http://127.0.0.1:{find_free_port()}/"
    result = run("lint", url)
    assert (result.code, result.out.splitlines()[0]) == (1, f"{url}: no answer (ConnectionError)")


@pytest.mark.parametrize("wrong", [["ftp://x/"], ["x"], ["http://x/", "--pages", "0"], ["--nonsense"]])
def test_wrong_usage_ends_with_2(run, wrong):
    assert run("lint", *wrong).code == 2


def test_a_missing_extra_is_named(run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "requests", None)
    for name in ("shop.client", "shop.client.client", "shop.client.lint"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    result = run("lint", "http://127.0.0.1/")
    assert (result.code, "pip install '.[client]'" in result.err) == (1, True)
