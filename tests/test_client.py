"""The client that follows links: with a running shop, with another API, and with faults."""

import importlib
import json
import re
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from werkzeug.serving import WSGIRequestHandler, make_server

import shop.client.client
from shop.app import create_app
from shop.cli.migrations import upgrade_database
from shop.client import Client, Problem
from tests.conftest import PASSWORD, settings_for
from tests.servers import find_free_port, wait_for_port

EXAMPLE = Path(__file__).parents[1] / "examples" / "rest_client.py"
HAL, FORMS, PROBLEM = "application/hal+json", "application/prs.hal-forms+json", "application/problem+json"


@pytest.fixture(scope="module")
def database_url(tmp_path_factory):
    """SQLite is enough: these tests do not depend on the database."""
    return f"sqlite:///{tmp_path_factory.mktemp('client') / 'shop.db'}"


@pytest.fixture(scope="module")
def migrated_app(database_url):
    app = create_app(settings_for(database_url))
    with app.app_context():
        upgrade_database()
    return app


@contextmanager
def serve_in_thread(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def open_client():
    """Opens clients and closes them after the test."""
    with ExitStack() as stack:
        yield lambda url, **kwargs: stack.enter_context(Client(url, **kwargs))


# ---- A running shop --------------------------------------------------------------------------------


class QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass


class RequestLog:
    """A WSGI middleware that records requests and statuses."""

    def __init__(self, app):
        self.app, self.entries = app, []

    def __call__(self, environ, start_response):
        entry = SimpleNamespace(method=environ["REQUEST_METHOD"], path=environ["PATH_INFO"], environ=environ)
        self.entries.append(entry)

        def start(status, headers, *rest):
            entry.status = int(status[:3])
            return start_response(status, headers, *rest)

        return self.app(environ, start)

    def get_statuses(self, path):
        return [entry.status for entry in self.entries if entry.path.endswith(path)]


@pytest.fixture
def request_log(app):
    return RequestLog(app)


@pytest.fixture
def url(request_log):
    with serve_in_thread(
        make_server("127.0.0.1", 0, request_log, threaded=True, request_handler=QuietHandler)
    ) as url:
        yield url


@pytest.fixture
def anonymous_client(url, open_client):
    return open_client(url)


@pytest.fixture
def customer_client(url, open_client, customer):
    """A client that has logged in as a customer."""
    client = open_client(url)
    client.login(customer.username, PASSWORD)
    return client


@pytest.fixture
def staff_client(url, open_client, staff):
    """A client that has logged in as staff."""
    client = open_client(url)
    client.login(staff.username, PASSWORD)
    return client


def find_product(client, words):
    return next(client.home().follow("search", q=words).items())


def test_a_link_with_variables_finds_a_product(anonymous_client, product):
    product("Walnut desk"), product("Brass lamp", price=8900)
    assert find_product(anonymous_client, "lamp")["price"] == 89.0


def test_a_form_with_get_finds_a_product(anonymous_client, product):
    product("Walnut desk", stock=0), product("Pine desk")
    names = [
        each["name"] for each in anonymous_client.home().submit("search", q="desk", in_stock=True).items()
    ]
    assert names == ["Pine desk"]


def test_what_is_not_offered_is_a_lookup_error(anonymous_client, product):
    product()
    with pytest.raises(LookupError, match="buy"):
        find_product(anonymous_client, "desk").follow("buy")


def test_a_collection_is_read_to_its_last_page(anonymous_client, product):
    for number in range(7):
        product(f"Mug {number}")
    names = [each["name"] for each in anonymous_client.home().follow("search", per_page=3).items()]
    assert names == [f"Mug {number}" for number in range(7)]


def test_a_page_is_fetched_only_when_it_is_come_to(anonymous_client, request_log, product):
    for number in range(5):
        product(f"Mug {number}")
    items = anonymous_client.home().follow("search", per_page=2).items()
    next(items), next(items)
    assert len(request_log.get_statuses("/products")) == 1


def test_an_item_is_a_resource(anonymous_client, product):
    product("Walnut desk")
    assert find_product(anonymous_client, "desk").follow("self")["name"] == "Walnut desk"


def test_who_logs_in_is_offered_more(anonymous_client, customer):
    before = "me" in anonymous_client.home().links
    assert (before, anonymous_client.login("ada", PASSWORD).follow("me")["username"]) == (False, "ada")


def test_a_wrong_password_is_a_problem_that_leads_to_the_login(anonymous_client, customer):
    with pytest.raises(Problem) as caught:
        anonymous_client.login("ada", "wrong-password")
    again = caught.value.submit("login", username="ada", password=PASSWORD)
    assert (caught.value.status, again["token_type"]) == (401, "Bearer")


def test_an_order_is_placed_by_a_form_and_cancelled_by_another(customer_client, product):
    product("Walnut desk")
    order = find_product(customer_client, "desk").submit("buy", quantity=2)
    assert (order["total"], order.submit("cancel")["status"]) == (498.0, "cancelled")


def test_what_has_a_link_but_no_form_is_done_with_a_body(customer_client, product):
    items = [{"product_id": product(), "quantity": 1}, {"product_id": product("Lamp"), "quantity": 2}]
    order = customer_client.home().follow("orders").do("POST", "create", {"items": items})
    assert (order.status, order.url) == (201, order.response.headers["Location"])


def test_what_has_links_deep_in_a_document_is_a_resource_too(customer_client, product):
    product("Walnut desk")
    order = find_product(customer_client, "desk").submit("buy", quantity=1)
    assert order["items"][0].follow("product")["name"] == "Walnut desk"


def test_one_form_sent_twice_orders_once(customer_client, product):
    product("Walnut desk")
    desk = find_product(customer_client, "desk")
    assert desk.submit("buy", quantity=1)["id"] == desk.submit("buy", quantity=1)["id"]


def test_a_form_is_sent_with_the_values_it_came_with(staff_client, product):
    product("Walnut desk", price=24900)
    desk = find_product(staff_client, "desk").submit("update", stock=3)
    assert (desk["name"], desk["price"], desk["stock"]) == ("Walnut desk", 249.0, 3)


def test_staff_create_restock_and_retire_a_product(staff_client):
    made = staff_client.home().submit("create", name="Pine stool", price=39, stock=0, description="")
    stock = made.submit("restock", amount=6)["stock"]
    retired = made.follow("self").submit("delete").status
    assert (stock, retired, list(staff_client.home().follow("products").items())) == (6, 204, [])


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_change_of_what_was_changed_meanwhile_is_refused(staff_client, product, method):
    product("Walnut desk")
    seen = find_product(staff_client, "desk")
    seen.do("PATCH", "update", {"price": 10})
    with pytest.raises(Problem, match="412"):
        seen.do(method, "delete" if method == "DELETE" else "update", {"name": "Desk", "price": 20})


def test_a_412_leads_to_what_is_there_now(staff_client, product):
    product("Walnut desk")
    seen = find_product(staff_client, "desk")
    seen.do("PATCH", "update", {"stock": 1})
    with pytest.raises(Problem) as caught:
        seen.do("PATCH", "update", {"stock": 2})
    assert caught.value.follow("self").do("PATCH", "update", {"stock": 2})["stock"] == 2


def test_the_answer_to_a_change_is_a_base_for_the_next(staff_client, product):
    product("Walnut desk")
    desk = find_product(staff_client, "desk").follow("self").do("PATCH", "update", {"stock": 1})
    assert desk.do("PATCH", "update", {"stock": 2})["stock"] == 2


def test_what_is_short_leads_to_what_is_left(customer_client, product):
    product("Brass lamp", stock=2)
    with pytest.raises(Problem) as caught:
        find_product(customer_client, "lamp").do("POST", "buy", {"quantity": 3})
    line = caught.value["lines"][0]
    assert line.follow("product").do("POST", "buy", {"quantity": line["left"]}).status == 201


def test_a_problem_says_which_member_is_wrong(customer_client, product):
    product("Walnut desk")
    with pytest.raises(Problem) as caught:
        find_product(customer_client, "desk").submit("buy", quantity=0)
    assert (caught.value.status, caught.value.errors[0]["pointer"]) == (400, "#/quantity")


def test_a_problem_in_one_line_says_all(anonymous_client):
    with pytest.raises(Problem, match=r"^400 The input is not valid.*#/per_page"):
        anonymous_client.home().follow("search", per_page=1000)


def test_a_page_for_people_is_an_answer_without_a_document(anonymous_client):
    manual = anonymous_client.home().follow("service-doc")
    assert (manual.data, "<html" in manual.response.text) == ({}, True)


# ---- Tokens ----------------------------------------------------------------------------------------


def test_a_token_that_is_refused_is_renewed_and_the_request_repeated(customer_client, request_log):
    customer_client.tokens.data["access_token"] = "worn.out.token"
    assert customer_client.home().follow("me")["username"] == "ada"
    assert request_log.get_statuses("/tokens/refresh") == [200]


def test_a_token_that_is_about_to_expire_is_renewed_before(customer_client, request_log):
    customer_client.refresh_at = time.monotonic() - 1
    customer_client.home()
    assert (
        request_log.get_statuses("/tokens/refresh"),
        [entry.status for entry in request_log.entries[-2:]],
    ) == (
        [200],
        [200, 200],
    )


def test_a_token_is_due_when_nine_tenths_of_its_life_are_over(customer_client):
    assert customer_client.refresh_at - time.monotonic() == pytest.approx(0.9 * 900, abs=5)


def test_an_order_that_met_a_worn_token_is_placed_once(customer_client, request_log, product):
    product("Walnut desk")
    desk = find_product(customer_client, "desk")
    customer_client.tokens.data["access_token"] = "worn.out.token"
    desk.do("POST", "buy", {"quantity": 1})
    keys = {
        entry.environ["HTTP_IDEMPOTENCY_KEY"] for entry in request_log.entries if entry.path.endswith("/buy")
    }
    assert (request_log.get_statuses("/buy"), len(keys)) == ([401, 201], 1)


def test_a_login_that_has_ended_is_a_problem_and_asks_no_further(
    customer_client, open_client, url, request_log
):
    other = open_client(url)
    other.tokens, other.refresh_at = customer_client.tokens, customer_client.refresh_at
    customer_client.logout()
    with pytest.raises(Problem, match="401"):
        other.home()
    assert (request_log.get_statuses("/tokens/refresh"), "me" in other.home().links) == ([401], False)


def test_who_logs_out_is_a_stranger_and_the_token_is_dead(customer_client):
    token = customer_client.tokens["access_token"]
    home = customer_client.home()
    customer_client.logout()
    dead = requests.get(home.links["me"]["href"], headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert ("me" in customer_client.home().links, dead.status_code) == (False, 401)


def test_to_log_out_twice_is_no_error(customer_client):
    customer_client.logout(), customer_client.logout()
    assert customer_client.tokens is None


def test_to_log_out_of_a_login_that_has_ended_is_a_problem_and_forgets_it(customer_client):
    customer_client.tokens.data.update(access_token="worn.out.token", refresh_token="spent")
    with pytest.raises(Problem, match="401"):
        customer_client.logout()
    assert customer_client.tokens is None


def test_who_was_forgotten_by_the_service_can_log_in_again(customer_client):
    customer_client.tokens.data.update(access_token="worn.out.token", refresh_token="spent")
    assert customer_client.login("ada", PASSWORD).follow("me")["username"] == "ada"


def test_neither_login_nor_refresh_carries_a_key(customer_client, request_log):
    customer_client.refresh()
    asked = [entry.environ for entry in request_log.entries if "/tokens" in entry.path]
    assert [each.get("HTTP_IDEMPOTENCY_KEY") for each in asked] == [None, None]


# ---- Conditional requests --------------------------------------------------------------------------


def test_a_document_that_has_not_changed_is_not_sent_again(anonymous_client, request_log, product):
    product("Walnut desk")
    first = find_product(anonymous_client, "desk").follow("self")
    again = first.follow("self")
    assert (again.data == first.data, request_log.get_statuses("/1")) == (True, [200, 304])


def test_a_document_that_has_changed_is(anonymous_client, staff_client, product):
    product("Walnut desk", stock=1)
    before = find_product(anonymous_client, "desk").follow("self")
    find_product(staff_client, "desk").submit("restock", amount=4)
    assert before.follow("self")["stock"] == 5


def test_what_a_program_does_to_a_document_does_not_come_back(anonymous_client, product):
    product("Walnut desk")
    first = find_product(anonymous_client, "desk").follow("self")
    first.data["name"] = "Firewood"
    assert first.follow("self")["name"] == "Walnut desk"


def test_what_one_saw_is_not_kept_for_the_next(customer_client, staff):
    customer_client.home()
    customer_client.logout()
    assert list(customer_client.cached_answers) == []


# ---- Another service -------------------------------------------------------------------------------


class Answer:
    def __init__(self, status=200, body=None, kind=HAL, after=0.0, **headers):
        self.status, self.after = status, after
        self.body = b"" if body is None else json.dumps(body).encode()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.headers |= {"Content-Type": kind, "Content-Length": str(len(self.body))}


DROP = object()
CUT = object()


class Stub(BaseHTTPRequestHandler):
    """A service that gives the prepared answers, repeats the last one, and records the requests."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    wbufsize = -1  # so that an answer is sent as one packet

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.received.append(
            SimpleNamespace(method=self.command, path=self.path, headers=self.headers, body=body)
        )
        answers = self.server.answers
        self.send_answer(
            answers(self.server.received[-1])
            if callable(answers)
            else answers.pop(0)
            if len(answers) > 1
            else answers[0]
        )

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

    def send_answer(self, answer):
        self.close_connection = answer in (DROP, CUT)
        if answer is DROP:
            return
        if answer is CUT:
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Type: application/json\r\n\r\n{"
            )
            return
        time.sleep(answer.after)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.status not in (204, 304):
            self.wfile.write(answer.body)

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:  # the client of a slow answer may have closed the connection
            self.close_connection = True


@pytest.fixture
def start_stub():
    """Starts a service that gives these answers, or those that a function returns."""
    with ExitStack() as stack:

        def start(*answers):
            server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
            server.daemon_threads = True
            server.answers = answers[0] if callable(answers[0]) else list(answers)
            server.received = []
            server.url = stack.enter_context(serve_in_thread(server))
            return server

        yield start


@pytest.fixture
def sleeps(monkeypatch):
    """The seconds that the client would have slept; the sleep itself is replaced."""
    slept = []
    now = time.monotonic
    monkeypatch.setattr(shop.client.client, "sleep", slept.append)
    monkeypatch.setattr(shop.client.client, "monotonic", lambda: now() + sum(slept))
    return slept


HOME = {
    "_links": {"self": {"href": "/"}, "shelf": [{"href": "shelf/{room}{?by*,since}", "templated": True}]},
    "_templates": {"default": {
        "method": "post", "target": "loans", "contentType": "application/x-www-form-urlencoded",
        "properties": [
            {"name": "book", "required": True}, {"name": "days", "type": "number", "value": "14"},
            {"name": "csrf", "type": "hidden", "value": "t0k&n"},
            {"name": "branch", "options": {"inline": ["north", "south"], "selectedValues": ["south"], "maxItems": 1}},
        ],
    }},
}  # fmt: skip
SHELVES = [
    {"_embedded": {"books": {"title": "Emma", "_links": {"self": {"href": "../books/1"}}}},
     "_links": {"self": {"href": "?p=1"}, "next": {"href": "?p=2"}}},
    {"_embedded": {"books": [{"title": "Persuasion", "_etag": '"9"', "_links": {"self": {"href": "../books/2"}},
                              "_templates": {"return": {"method": "DELETE", "properties": [
                                  {"name": "fee", "type": "number", "value": "0"}]},
                                  "rate": {"method": "PUT", "target": "/books/2/stars", "properties": [
                                      {"name": "stars", "type": "number", "value": "5"}, {"name": "note"},
                                      {"name": "mood", "options": {"selectedValues": ["fond"], "maxItems": 1}},
                                      {"name": "tags", "options": {"selectedValues": ["old"]}}]}}}]},
     "_links": {"self": {"href": "?p=2"}}},
]  # fmt: skip


def answer_as_library(request):
    """Answer as another service: other rels, relative links, lists of links, a form in the encoding of HTML."""
    if request.path.startswith("/shelf"):
        return Answer(body=SHELVES["p=2" in request.path])
    if request.method in ("POST", "PUT"):
        return Answer(201, {"lent": True}, Location="/loans/7")
    return Answer(204) if request.method == "DELETE" else Answer(body=HOME, kind=FORMS)


@pytest.fixture
def library_server(start_stub):
    return start_stub(answer_as_library)


@pytest.fixture
def library_client(library_server, open_client):
    return open_client(library_server.url)


def test_the_client_names_forms_first_and_hal_next(library_server, library_client):
    library_client.home()
    assert library_server.received[0].headers["Accept"].startswith(f"{FORMS}, {HAL};q=0.9, {PROBLEM};q=0.8")


def test_a_foreign_form_is_sent_as_it_asks_to_be(library_server, library_client):
    library_client.home().submit("default", book="Emma & co", quiet=True)
    sent = library_server.received[-1]
    assert (sent.method, sent.path, sent.headers["Content-Type"], sent.body) == (
        "POST", "/loans", "application/x-www-form-urlencoded",
        "days=14&csrf=t0k%26n&branch=south&book=Emma+%26+co&quiet=true",
    )  # fmt: skip


def test_a_method_in_small_letters_is_one_all_the_same(library_server, library_client):
    library_client.home().submit("default", book="Emma")
    assert library_server.received[-1].headers["Idempotency-Key"]


def test_a_form_with_get_keeps_what_its_target_asked_for(start_stub, open_client):
    form = {"target": "/find?lang=en", "properties": [{"name": "q", "value": "new"}]}
    service = start_stub(Answer(body={"_templates": {"find": form}}))
    open_client(service.url).home().submit("find")
    assert service.received[-1].path == "/find?lang=en&q=new"


def test_relative_links_in_lists_lead_on(library_server, library_client):
    library_client.home().follow("shelf", room="a/b", by=["year", "name"])
    assert library_server.received[-1].path == "/shelf/a%2Fb?by=year&by=name"


def test_a_form_of_an_embedded_resource_without_target_goes_to_its_self(library_server, library_client):
    list(library_client.home().follow("shelf", room="1").items("books"))[1].submit("return")
    sent = library_server.received[-1]
    assert (sent.method, sent.path, sent.body, sent.headers["If-Match"]) == (
        "DELETE",
        "/books/2?fee=0",
        "",
        '"9"',
    )


def test_a_number_in_a_form_stays_a_number_in_json(library_server, library_client):
    list(library_client.home().follow("shelf", room="1").items("books"))[1].submit("rate", note=None)
    assert json.loads(library_server.received[-1].body)["stars"] == 5


def test_of_a_choice_of_many_a_list_is_sent(library_server, library_client):
    list(library_client.home().follow("shelf", room="1").items("books"))[1].submit("rate", note=None)
    assert json.loads(library_server.received[-1].body) == {
        "stars": 5,
        "mood": "fond",
        "tags": ["old"],
        "note": None,
    }


def test_a_tag_is_not_sent_to_another_place_than_its_own(library_server, library_client):
    list(library_client.home().follow("shelf", room="1").items("books"))[1].submit("rate")
    assert "If-Match" not in library_server.received[-1].headers


def test_a_weak_tag_is_no_precondition(start_stub, open_client):
    service = start_stub(Answer(body={"_links": {"self": {"href": "/"}}}, ETag='W/"1"'))
    open_client(service.url).home().do("PUT", "self", {})
    assert "If-Match" not in service.received[-1].headers


@pytest.mark.parametrize(
    ("days", "query"), [(0, "?since=0"), (False, "?since=false"), (None, ""), ("a b", "?since=a%20b")]
)
def test_a_variable_is_written_as_html_would(library_server, library_client, days, query):
    library_client.home().follow("shelf", room="1", since=days)
    assert library_server.received[-1].path == f"/shelf/1{query}"


def test_the_token_is_not_told_to_another_service(start_stub, open_client):
    other = start_stub(Answer(body={}))
    tokens = {"access_token": "secret", "_links": {}}
    links = {"login": {"href": "/login"}, "away": {"href": other.url}, "here": {"href": "/"}}
    service = start_stub(
        lambda request: Answer(body=tokens if request.path == "/login" else {"_links": links})
    )
    home = open_client(service.url).login("ada", "x")
    home.follow("here"), home.follow("away")
    assert (service.received[-1].headers["Authorization"], other.received[0].headers["Authorization"]) == (
        "Bearer secret",
        None,
    )


def test_the_token_does_not_follow_a_redirect_to_another_service(start_stub, open_client):
    other = start_stub(Answer(401))
    gone, links = Answer(302, Location=other.url), {"login": {"href": "/login"}, "away": {"href": "/away"}}
    tokens = {"access_token": "secret", "_links": {"refresh": {"href": "/login"}}}
    answers = {"/login": Answer(body=tokens), "/away": gone}
    home = open_client(
        start_stub(lambda request: answers.get(request.path, Answer(body={"_links": links}))).url
    ).login("ada", "x")
    with pytest.raises(Problem, match="401"):
        home.follow("away")
    assert [request.headers["Authorization"] for request in other.received] == [None]


PAIR = {"access_token": "a", "refresh_token": "r", "expires_in": 900,
        "_links": {"login": {"href": "/login"}, "refresh": {"href": "/refresh"}}}  # fmt: skip


@pytest.mark.parametrize(
    "fault", [DROP, Answer(500), Answer(503), Answer(429)], ids=["dropped", "500", "503", "429"]
)
def test_a_renewal_that_did_not_get_through_ends_no_login(start_stub, open_client, sleeps, fault):
    service = start_stub(lambda request: fault if request.path == "/refresh" else Answer(body=PAIR))
    client = open_client(service.url)
    client.login("ada", "x")
    client.refresh_at = 0
    client.home()
    assert service.received[-1].headers["Authorization"] == "Bearer a"


def test_a_401_whose_renewal_did_not_get_through_is_a_problem(start_stub, open_client, sleeps):
    answers = iter([Answer(body=PAIR)] * 3 + [Answer(401), DROP])
    client = open_client(start_stub(lambda request: next(answers)).url)
    client.login("ada", "x")
    with pytest.raises(Problem, match="401"):
        client.home()


def test_tokens_that_cannot_be_renewed_make_a_401_a_problem(start_stub, open_client):
    answers = [
        Answer(body={"_links": {"login": {"href": "/l"}}}),
        Answer(body={"access_token": "a"}),
        Answer(401),
    ]
    with pytest.raises(Problem, match="401 Unauthorized"):
        open_client(start_stub(*answers).url).login("ada", "x")


LINKS = {"_links": {"self": {"href": "/"}}}
GOOD = Answer(body=LINKS)
FAULTS = [DROP, CUT, *(Answer(status) for status in (429, 502, 503, 504))]
FAULT_IDS = ["dropped", "cut", "429", "502", "503", "504"]


# ---- The feed --------------------------------------------------------------------------------------


def build_feed_page(*seqs, **headers):
    links = {"_links": {"self": {"href": "/feed"}, "next": {"href": f"/feed?after={max(seqs, default=0)}"}}}
    return Answer(body={**links, "_embedded": {"item": [{"seq": seq} for seq in seqs]}}, **headers)


ENTRY = Answer(body={"_links": {"changes": {"href": "/feed{?after,limit,wait}", "templated": True}}})


def read(client, count, **words):
    return [each["seq"] for each in islice(client.changes(**words), count)]


def test_the_feed_is_read_on_from_a_cursor_and_from_page_to_page(start_stub, open_client):
    service = start_stub(ENTRY, build_feed_page(8, 9), build_feed_page(10))
    seen = read(open_client(service.url), 3, after=7, wait=5)
    asked = [request.path for request in service.received[1:]]
    assert (seen, asked) == ([8, 9, 10], ["/feed?after=7&wait=5", "/feed?after=9"])


@pytest.mark.parametrize("fault", FAULTS, ids=FAULT_IDS)
def test_the_feed_goes_on_where_it_was_however_long_the_server_is_away(
    start_stub, open_client, sleeps, fault
):
    service = start_stub(ENTRY, build_feed_page(1), *[fault] * 12, build_feed_page(2))
    assert (read(open_client(service.url), 2), len(sleeps) > 10) == ([1, 2], True)


def test_the_feed_asks_again_no_sooner_than_it_was_told(start_stub, open_client, sleeps):
    service = start_stub(ENTRY, build_feed_page(Retry_After="3"), build_feed_page(1))
    assert (read(open_client(service.url), 1), 3.0 in sleeps) == ([1], True)


def test_a_cursor_that_is_too_old_is_a_problem(start_stub, open_client):
    service = start_stub(ENTRY, Answer(410, body={"title": "This cursor is too old"}))
    with pytest.raises(Problem, match="too old"):
        read(open_client(service.url), 1, after=1)


# ---- Faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS, ids=FAULT_IDS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_what_may_be_repeated_is(start_stub, open_client, sleeps, method, fault):
    service = start_stub(GOOD, fault, GOOD)
    answer = open_client(service.url).home().do(method, "self")
    assert (answer.status, len(service.received), len(sleeps)) == (200, 3, 1)


@pytest.mark.parametrize("fault", FAULTS, ids=FAULT_IDS)
def test_a_post_is_repeated_under_one_key(start_stub, open_client, sleeps, fault):
    service = start_stub(GOOD, fault, fault, GOOD)
    open_client(service.url).home().do("POST", "self", {"a": 1})
    keys = [request.headers["Idempotency-Key"] for request in service.received[1:]]
    assert (len(keys), len(set(keys)), bool(re.fullmatch('"[0-9a-f-]{36}"', keys[0]))) == (3, 1, True)


def test_two_posts_have_two_keys(start_stub, open_client):
    service = start_stub(GOOD)
    home = open_client(service.url).home()
    home.do("POST", "self"), home.do("POST", "self")
    assert service.received[1].headers["Idempotency-Key"] != service.received[2].headers["Idempotency-Key"]


def test_the_key_of_a_form_is_the_key_of_its_request(start_stub, open_client):
    hidden = {"name": "_idempotency_key", "type": "hidden", "value": "k1"}
    form = {"method": "POST", "target": "/", "properties": [hidden]}
    service = start_stub(Answer(body={**LINKS, "_templates": {"default": form}}))
    open_client(service.url).home().submit("default")
    assert (service.received[1].headers["Idempotency-Key"], service.received[1].body) == (
        '"k1"',
        '{"_idempotency_key": "k1"}',
    )


@pytest.mark.parametrize("fault", [DROP, Answer(503)], ids=["dropped", "503"])
def test_a_patch_without_a_key_is_not_repeated(start_stub, open_client, sleeps, fault):
    service = start_stub(GOOD, fault, GOOD)
    home = open_client(service.url).home()
    with pytest.raises((Problem, requests.ConnectionError)):
        home.do("PATCH", "self", {"a": 1})
    assert (len(service.received), sleeps) == (2, [])


def test_a_login_is_not_repeated(start_stub, open_client, sleeps):
    service = start_stub(Answer(body={"_links": {"login": {"href": "/"}}}), Answer(503), GOOD)
    with pytest.raises(Problem, match="503"):
        open_client(service.url).login("ada", "x")
    assert len(service.received) == 2


@pytest.mark.parametrize("status", [400, 403, 404, 409, 500])
def test_what_will_not_go_better_is_not_repeated(start_stub, open_client, sleeps, status):
    service = start_stub(Answer(status), GOOD)
    with pytest.raises(Problem, match=str(status)):
        open_client(service.url).home()
    assert sleeps == []


def test_pauses_grow_and_are_random(start_stub, open_client, sleeps, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        shop.client.client.random, "uniform", lambda low, high: drawn.append((low, high)) or high
    )
    with pytest.raises(Problem, match="503"):
        open_client(start_stub(Answer(503)).url).home()
    assert (drawn, sleeps) == ([(0, 0.5), (0, 1), (0, 2), (0, 4)], [0.5, 1, 2, 4])


def test_retry_after_is_obeyed(start_stub, open_client, sleeps):
    open_client(start_stub(Answer(503, Retry_After="7"), GOOD).url).home()
    assert 7 <= sleeps[0] <= 7.5


def test_a_retry_after_that_is_nonsense_is_none(start_stub, open_client, sleeps):
    open_client(start_stub(Answer(429, Retry_After="soon"), GOOD).url).home()
    assert sleeps[0] <= 0.5


def test_who_is_asked_to_wait_longer_than_patience_lasts_is_told_at_once(start_stub, open_client, sleeps):
    service = start_stub(Answer(429, {"title": "Too many", "retry": 1}, PROBLEM, Retry_After="3600"))
    with pytest.raises(Problem, match="429 Too many") as caught:
        open_client(service.url).home()
    assert (caught.value.response.headers["Retry-After"], len(service.received), sleeps) == ("3600", 1, [])


def test_the_number_of_repetitions_is_bounded(start_stub, open_client, sleeps):
    service = start_stub(DROP)
    with pytest.raises(requests.ConnectionError):
        open_client(service.url, retries=2).home()
    assert len(service.received) == 3


def test_the_time_of_repetitions_is_bounded(start_stub, open_client, sleeps):
    service = start_stub(Answer(503, Retry_After="10"))
    with pytest.raises(Problem):
        open_client(service.url, retries=100, patience=25).home()
    assert len(service.received) == 3


def test_a_slow_service_is_not_waited_for_longer_than_said(start_stub, open_client):
    service = start_stub(Answer(body=LINKS, after=2))
    begin = time.monotonic()
    with pytest.raises(requests.Timeout):
        open_client(service.url, timeout=0.1, retries=0).home()
    assert time.monotonic() - begin < 1


def test_a_slow_answer_is_asked_for_again(start_stub, open_client, sleeps):
    service = start_stub(Answer(body=LINKS, after=1), GOOD)
    assert open_client(service.url, timeout=0.2).home().status == 200


def test_a_problem_of_odd_members_is_a_problem_still(start_stub, open_client):
    service = start_stub(Answer(400, {"title": 7, "detail": ["x"], "errors": "none", "status": "4"}, PROBLEM))
    with pytest.raises(Problem, match=r"^400 7\. \['x'\]\. none$"):
        open_client(service.url).home()


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_an_error_that_is_no_document_is_a_problem_still(start_stub, open_client, kind):
    broken = Answer(500, kind=kind)
    broken.body = b"<h1>!"
    broken.headers["Content-Length"] = "5"
    with pytest.raises(Problem, match="500 Internal Server Error"):
        open_client(start_stub(broken).url).home()


def test_what_was_seen_longest_ago_is_forgotten_first(start_stub, open_client):
    links = {"_links": {name: {"href": f"/{name}"} for name in "abc"}}
    service = start_stub(
        lambda request: Answer(304 if "If-None-Match" in request.headers else 200, links, ETag='"1"')
    )
    home = open_client(service.url, keeps=2).home()
    for rel in "abacb":
        home.follow(rel)
    asked = [(request.path, "If-None-Match" in request.headers) for request in service.received[1:]]
    assert asked == [("/a", False), ("/b", False), ("/a", True), ("/c", False), ("/b", False)]


# ---- The package -----------------------------------------------------------------------------------


def test_without_its_extra_the_client_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "requests", None)
    for name in ("shop.client", "shop.client.client"):
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"pip install '\.\[client\]'"):
        importlib.import_module("shop.client")


def test_the_client_loads_nothing_else_of_the_shop():
    code = "import sys, shop.client; print(sorted(each for each in sys.modules if each.startswith(('shop', 'flask'))))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert ran.stdout.strip() == "['shop', 'shop.client', 'shop.client.client']"


def test_the_example_searches_logs_in_buys_and_cancels():
    port = find_free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "shop.cli", "demo", "--port", str(port)], stdout=subprocess.PIPE, text=True
    ) as demo:
        try:
            wait_for_port(port, 30)
            output = "".join(demo.stdout.readline() for _ in range(3))
            password = re.search(r"customer +password (\S+)", output)[1]
            command = [sys.executable, EXAMPLE, f"http://127.0.0.1:{port}/", "customer", password]
            ran = subprocess.run(command, capture_output=True, text=True, timeout=30)
        finally:
            demo.terminate()
    assert (ran.returncode, ran.stderr, re.sub(r"\d+", "N", ran.stdout).splitlines()[-1]) == (
        0, "", "Order N is cancelled.")  # fmt: skip
