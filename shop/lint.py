"""Judge a HAL API from outside: crawl from its first URL and check every link, form and document.

It knows the specs (verdicts.py) and no API by heart. Besides logging in and out it only sends GET, OPTIONS
and PROPFIND, which are safe: none of them changes anything.
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

from shop.verdicts import Answer, Contract, Node, leads, links, members, nodes, several, wrong

Flaw = tuple[str, str]  # a URL, and what is wrong there

ACCEPT = "application/prs.hal-forms+json, application/hal+json;q=0.9, application/json;q=0.8, */*;q=0.1"
LARGEST = 20_000_000


class Refused(Exception):
    """The crawl cannot begin, or not as whom it was asked to."""


class Late(Exception):
    """The time is up."""


@dataclass
class Crawl:
    """One look at an API, by one or several callers; `progress` is told how far it is."""

    start: str
    pages: int = 500
    timeout: float = 10
    deadline: float = 600
    progress: Callable[[str], None] = lambda _: None
    counts: dict[str, int] = field(default_factory=lambda: {"documents": 0, "links": 0, "templates": 0})
    left: int = 0
    late: bool = False
    shapes: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    allows: dict[str, set[str] | None] = field(default_factory=dict)
    contracts: dict[str, Contract | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.end = monotonic() + self.deadline
        self.start = urlsplit(self.start)._replace(path=urlsplit(self.start).path or "/").geturl()

    def run(self, name: str = "", password: str = "") -> Iterator[Flaw]:
        """What somebody finds, or, without a name, a stranger."""
        with requests.Session() as self.session:
            self.session.headers["Accept"] = ACCEPT
            self.session.auth = lambda request: request  # or a .netrc would speak for the caller
            self.queue, self.found = deque([(self.start, "the first URL")]), {self.start}
            try:
                first = self.login(name, password) if name else None
                yield from self.answered(self.judge(first), first.url) if first else ()
                yield from self.crawl()
                yield from self.answered(self.logout(first), first.url) if first else ()
            except Late:
                self.late = True

    def summary(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self.counts.items()) + " checked."

    def stops(self) -> Iterator[str]:
        """Why there may be more than was seen."""
        if self.late:
            yield f"stopped after {self.deadline:.0f} s (--deadline): there may be more"
        if self.left:
            yield f"{self.left} URLs were not visited, after {self.pages} that were (--pages)"

    def crawl(self) -> Iterator[Flaw]:
        """Breadth first, so that what is cut off is what is farthest away."""
        for _ in range(self.pages):
            if not self.queue:
                return
            self.progress(f"{self.counts['documents']} documents, {len(self.queue)} to go")
            url, source = self.queue.popleft()
            yield from self.answered(self.visit(url, source), url)
        self.left += len(self.queue)

    def answered(self, flaws: Iterator[Flaw], url: str) -> Iterator[Flaw]:
        """The flaws, and, where no answer comes, that one."""
        try:
            yield from flaws
        except requests.RequestException as error:
            asked = error.request.url if error.request is not None else url
            yield asked, f"no answer ({type(error).__name__})"
        except RecursionError:
            yield url, "it nests too deep"

    def visit(self, url: str, source: str) -> Iterator[Flaw]:
        answer = self.ask("GET", url)
        if 300 <= answer.status < 400:
            self.enqueue(url, answer.headers.get("Location", ""), f"{url} redirects to it")
        elif answer.status >= 400 and not (answer.status == 405 and answer.allow):
            yield url, f"{answer.status}; {source}"
        yield from self.judge(answer)
        yield from self.allowing(url)

    def judge(self, answer: Answer) -> Iterator[Flaw]:
        """A document, its forms and its links; where they lead to comes later."""
        self.counts["documents"] += 1
        parts = list(nodes(answer.node))
        for node in parts:
            self.follow(node, answer.url)
            yield from ((answer.url, flaw) for flaw in self.reshaped(node, answer.url))
        yield from ((answer.url, flaw) for flaw in wrong(answer))
        for contract in filter(None, self.contracts.values()):
            yield from ((answer.url, flaw) for flaw in contract.wrong(answer))
        for node in parts:
            yield from self.forms(node, answer.url)

    def follow(self, node: Node, url: str) -> None:
        """Note the links; one that a form explains is for the form's method, and only GET can be tried."""
        forms = members(node, "_templates")
        for rel, href in links(node):
            self.counts["links"] += 1
            if rel == "service-desc" and self.same(url, href):
                self.documented(urljoin(url, href))
            if str(members(forms, rel).get("method", "GET")).upper() == "GET":
                self.enqueue(url, href, f"{url} links it as {rel}")

    def enqueue(self, url: str, href: str, source: str) -> None:
        to = urldefrag(urljoin(url, href)).url if leads(href) else ""
        if to not in self.found and self.same(url, to):
            self.found.add(to)
            self.queue.append((to, source))

    def same(self, url: str, href: str) -> bool:
        """Whether it is of the same server: what others say is not this API's, nor are others told tokens."""
        return leads(href) and bool(href) and urlsplit(urljoin(url, href))[:2] == urlsplit(self.start)[:2]

    def documented(self, url: str) -> None:
        """Read the API's own description, once, before what it describes."""
        if url in self.contracts:
            return
        spec = self.ask("GET", url).node
        known = "openapi" in spec and members(spec, "paths")
        self.contracts[url] = Contract(spec, url) if known else None

    def reshaped(self, node: Node, url: str) -> Iterator[str]:
        """A rel is one object or it is a list, everywhere: clients are written for one of them."""
        for part in ("_links", "_embedded"):
            for rel, value in members(node, part).items():
                shape = "a list" if isinstance(value, list) else "one object"
                before, where = self.shapes.setdefault((part, rel), (shape, url))
                if shape != before and value is not None:
                    yield f"{part} {rel} is {shape} here, and {before} at {where}"

    def forms(self, node: Node, url: str) -> Iterator[Flaw]:
        here = next((href for rel, href in links(node) if rel == "self"), "")
        for name, form in members(node, "_templates").items():
            self.counts["templates"] += 1
            target = form.get("target", here) if isinstance(form, dict) else ""
            if self.same(url, target):
                to, method = urljoin(url, target), str(form.get("method", "GET"))
                yield from self.allowing(to)
                allowed = self.allows[bare(to)]
                if allowed is not None and method not in allowed:
                    yield url, f"template {name}: {to} allows {spoken(allowed)}, not {method}"

    def allowing(self, url: str) -> Iterator[Flaw]:
        """What OPTIONS allows is what a method that is not allowed is told; asked once."""
        if (place := bare(url)) in self.allows:
            return
        options, refusal = self.ask("OPTIONS", place), self.ask("PROPFIND", place)
        said = self.allows[place] = options.allow
        if refusal.status != 405:
            return
        yield from ((place, flaw) for flaw in wrong(refusal))
        if not refusal.allow:
            yield place, "405 without an Allow that names a method"
        elif said is not None and said != refusal.allow:
            yield place, f"OPTIONS allows {spoken(said)}, a 405 {spoken(refusal.allow)}"

    # ---- Who asks

    def login(self, name: str, password: str) -> Answer:
        """Log in as the home says; a link without a form is taken for the usual two words."""
        try:
            form, url = self.way(self.ask("GET", self.start), "login")
            words = {"username": name, "password": password}
            if properties := [each for each in several(form.get("properties", [])) if isinstance(each, dict)]:
                words = {each.get("name"): filled(each, name, password) for each in properties}
            answer = self.ask(form.get("method", "POST"), url, **sent(form, words))
        except requests.RequestException as error:
            raise Refused(f"{self.start} does not answer ({type(error).__name__})") from None
        if answer.status >= 400:
            raise Refused(f"{name} cannot log in at {url}: {answer.status}")
        if token := answer.node.get("access_token"):
            self.session.headers["Authorization"] = f"{answer.node.get('token_type', 'Bearer')} {token}"
        return answer

    def logout(self, first: Answer) -> Iterator[Flaw]:
        """Leave no token behind."""
        try:
            form, url = self.way(first, "logout")
        except Refused:
            return
        method = form.get("method") or (
            "DELETE" if "DELETE" in (self.allows.get(bare(url)) or ()) else "POST"
        )
        if (answer := self.ask(method, url)).status >= 400:
            yield url, f"{answer.status} for who logs out"

    def way(self, answer: Answer, rel: str) -> tuple[Node, str]:
        """The form and the URL of a word; never one of another server, which would hear the password."""
        form = members(members(answer.node, "_templates"), rel)
        href = form.get("target") or next((to for each, to in links(answer.node) if each == rel), "")
        if not self.same(answer.url, href):
            raise Refused(f"{answer.url} has no {rel} link or form that leads to its own server")
        return form, urljoin(answer.url, href)

    # ---- One request

    def ask(self, method: str, url: str, **body: Any) -> Answer:
        """Ask, and wait when told to."""
        for patience in range(6):
            answer = self.once(method, url, **body)
            said = answer.headers.get("Retry-After")
            if answer.status != 429 and not (answer.status == 503 and said):
                break
            self.wait(seconds(said, 2.0**patience))
        return answer

    def wait(self, time: float) -> None:
        if monotonic() + time > self.end:
            raise Late
        self.progress(f"asked to wait {time:.0f} s")
        sleep(time)

    def once(self, method: str, url: str, **body: Any) -> Answer:
        if monotonic() > self.end:
            raise Late
        with self.session.request(
            method, url, timeout=self.timeout, allow_redirects=False, stream=True, **body
        ) as response:
            read = b""
            for chunk in response.iter_content(1 << 16):
                read += chunk
                if monotonic() > self.end or len(read) > LARGEST:
                    raise (
                        Late if len(read) <= LARGEST else requests.RequestException(request=response.request)
                    )
            return Answer(url, method, response.status_code, response.headers, read)


def bare(url: str) -> str:
    return url.partition("?")[0]


def spoken(methods: set[str]) -> str:
    return ", ".join(sorted(methods)) or "nothing"


def filled(each: Node, name: str, password: str) -> Any:
    return {"password": password, "hidden": each.get("value")}.get(each.get("type", "text"), name)


def sent(form: Node, words: Node) -> Node:
    return {"data" if "urlencoded" in str(form.get("contentType")) else "json": words}


def seconds(said: str | None, otherwise: float) -> float:
    """A Retry-After, in seconds or as a date."""
    if said and said.strip().isdecimal():
        return float(said)
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return otherwise
