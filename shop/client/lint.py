"""The API linter: crawl a HAL API from its first URL and check every link, form and document.

It knows the specifications (checks.py) but no particular API. Apart from logging in and out it sends only
GET, OPTIONS and PROPFIND, which change nothing.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic, sleep
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import requests

from shop.client.checks import (
    Answer,
    Contract,
    Node,
    check_answer,
    find_links,
    find_resources,
    get_object,
    is_url,
    to_list,
)

Flaw = tuple[str, str]  # a URL, and what is wrong there

ACCEPT = "application/prs.hal-forms+json, application/hal+json;q=0.9, application/json;q=0.8, */*;q=0.1"
MAX_ANSWER_BYTES = 20_000_000


class CrawlRefused(Exception):
    """The crawl cannot start, or the login failed."""


class TimeUp(Exception):
    """The time is up."""


@dataclass
class Crawl:
    """One crawl of an API, as one or several accounts; `progress` receives status texts."""

    start: str
    pages: int = 500
    timeout: float = 10
    deadline: float = 600
    progress: Callable[[str], None] = lambda _: None
    counts: dict[str, int] = field(default_factory=lambda: {"documents": 0, "links": 0, "templates": 0})
    unvisited: int = 0
    timed_out: bool = False
    shapes: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    allowed_methods: dict[str, set[str] | None] = field(default_factory=dict)
    contracts: dict[str, Contract | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.end = monotonic() + self.deadline
        self.start = urlsplit(self.start)._replace(path=urlsplit(self.start).path or "/").geturl()

    def run(self, name: str = "", password: str = "", *, token: str = "") -> Iterator[Flaw]:
        """Yield the flaws found as this account, with this bearer token, or as an anonymous caller."""
        with requests.Session() as self.session:
            self.session.headers["Accept"] = ACCEPT
            self.session.auth = lambda request: request  # otherwise requests takes credentials from .netrc
            if token:
                self.session.headers["Authorization"] = f"Bearer {token}"
            self.queue, self.found_urls = deque([(self.start, "the first URL")]), {self.start}
            try:
                login_answer = self.log_in(name, password) if name else None
                if login_answer:
                    yield from self.catch_failures(self.check_document(login_answer), login_answer.url)
                yield from self.check_queue()
                if login_answer:
                    yield from self.catch_failures(self.log_out(login_answer), login_answer.url)
            except TimeUp:
                self.timed_out = True

    def summarize(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self.counts.items()) + " checked."

    def explain_limits(self) -> Iterator[str]:
        """Yield the reasons why the crawl is incomplete."""
        if self.timed_out:
            yield f"stopped after {self.deadline:.0f} s (--deadline): there may be more"
        if self.unvisited:
            yield f"{self.unvisited} URLs were not visited, after {self.pages} that were (--pages)"

    def check_queue(self) -> Iterator[Flaw]:
        """Visit the queued URLs breadth first, so that a page limit cuts off the most distant ones."""
        for _ in range(self.pages):
            if not self.queue:
                return
            self.progress(f"{self.counts['documents']} documents, {len(self.queue)} to go")
            url, source = self.queue.popleft()
            yield from self.catch_failures(self.visit_url(url, source), url)
        self.unvisited += len(self.queue)

    def catch_failures(self, flaws: Iterator[Flaw], url: str) -> Iterator[Flaw]:
        """Yield the flaws; a failed request is a flaw too."""
        try:
            yield from flaws
        except requests.RequestException as error:
            request_url = error.request.url if error.request is not None else url
            yield request_url, f"no answer ({type(error).__name__})"
        except RecursionError:
            yield url, "it nests too deep"

    def visit_url(self, url: str, source: str) -> Iterator[Flaw]:
        answer = self.request("GET", url)
        if 300 <= answer.status < 400:
            self.enqueue(url, answer.headers.get("Location", ""), f"{url} redirects to it")
        elif answer.status >= 400 and not (answer.status == 405 and answer.allow):
            yield url, f"{answer.status}; {source}"
        yield from self.check_document(answer)
        yield from self.check_allow(url)

    def check_document(self, answer: Answer) -> Iterator[Flaw]:
        """Check one document and its forms, and enqueue its links."""
        self.counts["documents"] += 1
        is_contract = "openapi" in answer.node  # whose examples hold links
        resources = [] if is_contract else list(find_resources(answer.node))
        for node in resources:
            self.enqueue_links(node, answer.url)
            yield from ((answer.url, flaw) for flaw in self.check_shapes(node, answer.url))
        yield from ((answer.url, flaw) for flaw in check_answer(answer))
        for contract in filter(None, self.contracts.values()):
            yield from ((answer.url, flaw) for flaw in contract.check(answer))
        for node in resources:
            yield from self.check_forms(node, answer.url)

    def enqueue_links(self, node: Node, url: str) -> None:
        """Enqueue the links of a document, except those whose form has a method other than GET."""
        forms = get_object(node, "_templates")
        for rel, href in find_links(node):
            self.counts["links"] += 1
            if rel == "service-desc" and self.is_same_server(url, href):
                self.load_contract(urljoin(url, href))
            if str(get_object(forms, rel).get("method", "GET")).upper() == "GET":
                self.enqueue(url, href, f"{url} links it as {rel}")

    def enqueue(self, url: str, href: str, source: str) -> None:
        target_url = urldefrag(urljoin(url, href)).url if is_url(href) else ""
        if target_url not in self.found_urls and self.is_same_server(url, target_url):
            self.found_urls.add(target_url)
            self.queue.append((target_url, source))

    def is_same_server(self, url: str, href: str) -> bool:
        """Whether a URL belongs to the server under test; other servers are not checked and get no token."""
        return is_url(href) and bool(href) and urlsplit(urljoin(url, href))[:2] == urlsplit(self.start)[:2]

    def load_contract(self, url: str) -> None:
        """Load an OpenAPI document once."""
        if url in self.contracts:
            return
        document = self.request("GET", url).node
        has_paths = "openapi" in document and get_object(document, "paths")
        self.contracts[url] = Contract(document, url) if has_paths else None

    def check_shapes(self, node: Node, url: str) -> Iterator[str]:
        """Check that each rel is always one object or always a list, because clients expect one of them."""
        for part in ("_links", "_embedded"):
            for rel, value in get_object(node, part).items():
                shape = "a list" if isinstance(value, list) else "one object"
                other_shape, other_url = self.shapes.setdefault((part, rel), (shape, url))
                if shape != other_shape and value is not None:
                    yield f"{part} {rel} is {shape} here, and {other_shape} at {other_url}"

    def check_forms(self, node: Node, url: str) -> Iterator[Flaw]:
        self_url = next((href for rel, href in find_links(node) if rel == "self"), "")
        for name, form in get_object(node, "_templates").items():
            self.counts["templates"] += 1
            target = form.get("target", self_url) if isinstance(form, dict) else ""
            if self.is_same_server(url, target):
                target_url, method = urljoin(url, target), str(form.get("method", "GET"))
                yield from self.check_allow(target_url)
                allowed = self.allowed_methods[strip_query(target_url)]
                if allowed is not None and method not in allowed:
                    yield url, f"template {name}: {target_url} allows {join_methods(allowed)}, not {method}"

    def check_allow(self, url: str) -> Iterator[Flaw]:
        """Check, once per URL, that OPTIONS and a 405 answer agree on the allowed methods."""
        if (bare_url := strip_query(url)) in self.allowed_methods:
            return
        options, refusal = self.request("OPTIONS", bare_url), self.request("PROPFIND", bare_url)
        allowed_by_options = self.allowed_methods[bare_url] = options.allow
        if refusal.status != 405:
            return
        yield from ((bare_url, flaw) for flaw in check_answer(refusal))
        if not refusal.allow:
            yield bare_url, "405 without an Allow that names a method"
        elif allowed_by_options is not None and allowed_by_options != refusal.allow:
            by_options, by_refusal = join_methods(allowed_by_options), join_methods(refusal.allow)
            yield bare_url, f"OPTIONS allows {by_options}, a 405 {by_refusal}"

    # ---- Login

    def log_in(self, name: str, password: str) -> Answer:
        """Log in with the form on the home document; without a form, send username and password."""
        try:
            form, url = self.find_form(self.request("GET", self.start), "login")
            values = {"username": name, "password": password}
            properties = to_list(form.get("properties", []))
            if form_fields := [each for each in properties if isinstance(each, dict)]:
                values = {each.get("name"): fill_field(each, name, password) for each in form_fields}
            answer = self.request(form.get("method", "POST"), url, **encode_body(form, values))
        except requests.RequestException as error:
            raise CrawlRefused(f"{self.start} does not answer ({type(error).__name__})") from None
        if answer.status >= 400:
            raise CrawlRefused(f"{name} cannot log in at {url}: {answer.status}")
        if token := answer.node.get("access_token"):
            self.session.headers["Authorization"] = f"{answer.node.get('token_type', 'Bearer')} {token}"
        return answer

    def log_out(self, login_answer: Answer) -> Iterator[Flaw]:
        """Log out, so that no token stays valid."""
        try:
            form, url = self.find_form(login_answer, "logout")
        except CrawlRefused:
            return
        method = form.get("method") or (
            "DELETE" if "DELETE" in (self.allowed_methods.get(strip_query(url)) or ()) else "POST"
        )
        if (answer := self.request(method, url)).status >= 400:
            yield url, f"{answer.status} for who logs out"

    def find_form(self, answer: Answer, rel: str) -> tuple[Node, str]:
        """Return the form and URL of a rel on the same server; another server must not get the password."""
        form = get_object(get_object(answer.node, "_templates"), rel)
        href = form.get("target") or next((url for name, url in find_links(answer.node) if name == rel), "")
        if not self.is_same_server(answer.url, href):
            raise CrawlRefused(f"{answer.url} has no {rel} link or form that leads to its own server")
        return form, urljoin(answer.url, href)

    # ---- Requests

    def request(self, method: str, url: str, **body: Any) -> Answer:
        """Send a request and repeat it after the pause that the server asks for."""
        for attempt in range(6):
            answer = self.request_once(method, url, **body)
            retry_after = answer.headers.get("Retry-After")
            if answer.status != 429 and not (answer.status == 503 and retry_after):
                break
            self.pause(parse_retry_after(retry_after, 2.0**attempt))
        return answer

    def pause(self, seconds: float) -> None:
        if monotonic() + seconds > self.end:
            raise TimeUp
        self.progress(f"asked to wait {seconds:.0f} s")
        sleep(seconds)

    def request_once(self, method: str, url: str, **body: Any) -> Answer:
        if monotonic() > self.end:
            raise TimeUp
        with self.session.request(
            method, url, timeout=self.timeout, allow_redirects=False, stream=True, **body
        ) as response:
            content = b""
            for chunk in response.iter_content(1 << 16):
                content += chunk
                if monotonic() > self.end or len(content) > MAX_ANSWER_BYTES:
                    too_large = requests.RequestException(request=response.request)
                    raise TimeUp if len(content) <= MAX_ANSWER_BYTES else too_large
            return Answer(url, method, response.status_code, response.headers, content)


def strip_query(url: str) -> str:
    return url.partition("?")[0]


def join_methods(methods: set[str]) -> str:
    return ", ".join(sorted(methods)) or "nothing"


def fill_field(form_field: Node, name: str, password: str) -> Any:
    return {"password": password, "hidden": form_field.get("value")}.get(form_field.get("type", "text"), name)


def encode_body(form: Node, values: Node) -> Node:
    return {"data" if "urlencoded" in str(form.get("contentType")) else "json": values}


def parse_retry_after(text: str | None, default: float) -> float:
    """Return the seconds of a Retry-After header, which holds seconds or a date."""
    if text and text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return default
