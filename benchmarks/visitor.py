"""A visitor of a HAL API, who starts at one URL and follows links; each visitor has one connection.

It knows names of links, and no URL: home, products, item, next, search; orders where it is logged in.
"""

import http.client
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import uritemplate

ACCEPT = "application/hal+json, application/json;q=0.9"
TIMEOUT, PAUSE = 10.0, 1.0  # seconds: for an answer, and after a refusal that says no other time
TOO_MANY = 429
Document = dict[str, Any]


@dataclass
class Answers:
    """What the visitors measured, by the name of the link that they followed."""

    tried: int = 0  # requests, and links that were not there
    times: dict[str, list[float]] = field(default_factory=dict)  # milliseconds
    errors: Counter[tuple[str, str]] = field(default_factory=Counter)  # by link and reason
    waits: Counter[str] = field(default_factory=Counter)  # refusals with 429 that were obeyed

    def add(self, other: "Answers") -> None:
        self.tried += other.tried
        for rel, times in other.times.items():
            self.times.setdefault(rel, []).extend(times)
        self.errors += other.errors
        self.waits += other.waits

    def count_errors(self, rel: str) -> int:
        return sum(count for (name, _), count in self.errors.items() if name == rel)


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Stop(Exception):
    """The time is over."""


class Lost(Exception):
    """An answer that cannot be used to go on."""


class Visitor:
    """Follow links until the end; `authorize` returns the headers of the login, if there is one."""

    def __init__(
        self, url: str, end: float, authorize: Callable[[], dict[str, str]], *, counts_refusals: bool = False
    ) -> None:
        self.url, self.end, self.authorize = url, end, authorize
        self.counts_refusals = counts_refusals
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.connection = kind(parts.netloc, timeout=TIMEOUT)
        self.answers, self.rel = Answers(), "home"

    def visit_repeatedly(self) -> None:
        with suppress(Stop), closing(self.connection):
            while True:
                self.visit_once()

    def visit_once(self) -> None:
        try:
            self.visit()
        except Stop:
            raise
        except Lost:
            self.sleep(0.1)  # so that a server that is down is not flooded
        except Exception as error:  # noqa: BLE001 - a visitor that ended here would let the test pass
            self.answers.errors[self.rel, f"cannot use the answer: {type(error).__name__}"] += 1
            self.sleep(0.1)

    def visit(self) -> None:
        """Walk once through what the home links to."""
        home = self.get("home", self.url)
        products = self.follow(home, "products")
        self.browse(products)
        word = pick_word(products)
        if "search" in home.get("_links", {}) and word:
            self.follow(home, "search", q=word)
        if "orders" in home.get("_links", {}) and self.authorize():
            self.browse(self.follow(home, "orders"))

    def browse(self, page: Document) -> None:
        """Look at an item of this page and at the next page, if it has them."""
        if items := find_items(page):
            self.follow(random.choice(items), "self", name="item")  # noqa: S311
        if "next" in page.get("_links", {}):
            self.follow(page, "next")

    def follow(self, document: Document, rel: str, name: str = "", **values: str) -> Document:
        name = name or rel
        link = document.get("_links", {}).get(rel)
        link = link[0] if isinstance(link, list) else link
        if not link:
            self.answers.tried += 1
            self.lose(name, "there is no such link")
        return self.get(name, urljoin(self.url, uritemplate.expand(link["href"], values)))

    def get(self, rel: str, url: str) -> Document:
        """Get a document; after a refusal with 429, wait as long as it says and ask again."""
        self.answers.tried, self.rel = self.answers.tried + 1, rel
        target, origin = urlsplit(url), urlsplit(self.url)
        if target[:2] != origin[:2]:
            self.lose(rel, f"the link leads to another server, {target.netloc}")
        path = f"{target.path or '/'}?{target.query}" if target.query else target.path or "/"
        answer, took = self.request(rel, path)
        while answer.status == TOO_MANY and not self.counts_refusals:
            self.answers.waits[rel] += 1
            self.connection.close()  # the server may close it during the wait, which is no error
            self.sleep(parse_retry_after(answer.headers.get("Retry-After")))
            answer, took = self.request(rel, path)
        self.answers.times.setdefault(rel, []).append(took * 1000)
        if answer.status >= 300:
            self.lose(rel, f"status {answer.status}")
        try:
            return dict(json.loads(answer.body))
        except ValueError:
            return self.lose(rel, "the answer is not a JSON object")

    def request(self, rel: str, path: str) -> tuple[Answer, float]:
        """Return the answer and the seconds that it took."""
        headers = {"Accept": ACCEPT, **self.authorize()}
        if (began := time.monotonic()) >= self.end:
            raise Stop
        try:
            self.connection.request("GET", path, headers=headers)
            answer = self.connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            self.lose(rel, type(error).__name__)
        return Answer(answer.status, answer.headers, body), time.monotonic() - began

    def lose(self, rel: str, reason: str) -> Any:
        self.answers.errors[rel, reason] += 1
        raise Lost

    def sleep(self, seconds: float) -> None:
        """Sleep, but not past the end."""
        if time.monotonic() + seconds >= self.end:
            time.sleep(max(0, self.end - time.monotonic()))
            raise Stop
        time.sleep(seconds)


def find_items(page: Document) -> list[Document]:
    items = page.get("_embedded", {}).get("item", [])
    return items if isinstance(items, list) else [items]


def find_words(item: Document) -> Iterator[str]:
    for name in ("name", "title"):
        yield from (word for word in str(item.get(name, "")).split() if word.isalpha())


def pick_word(page: Document) -> str:
    """Return a word of a name on this page, to search for."""
    words = [word for item in find_items(page) for word in find_words(item)]
    return random.choice(words) if words else ""  # noqa: S311


def parse_retry_after(value: str | None) -> float:
    """Return the seconds that a Retry-After header says: a number, or a date."""
    with suppress(ValueError):
        seconds = float(value or PAUSE)
        return max(0.0, seconds) if isfinite(seconds) else PAUSE
    with suppress(ValueError):
        return max(0.0, parsedate_to_datetime(str(value)).timestamp() - time.time())
    return PAUSE
