"""A client for services that speak HAL and HAL-FORMS: it knows one URL, and follows what it is shown.

    with Client("http://127.0.0.1:8000/") as shop:
        home = shop.login("ada", "her password")
        desk = next(home.follow("search", q="desk").items())
        desk.submit("buy", quantity=1).submit("cancel")

Nothing in it is about a shop; tokens have the names that OAuth 2 gave them.
"""

import json
import random
import re
from collections.abc import Iterator
from email.utils import mktime_tz, parsedate_tz
from time import monotonic, sleep, time
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlencode, urljoin, urlsplit
from uuid import uuid4

try:
    import requests
except ImportError as error:
    raise ImportError("shop.client needs an extra that is not installed: pip install '.[client]'") from error

HAL_FORMS, HAL, PROBLEM = (f"application/{name}+json" for name in ("prs.hal-forms", "hal", "problem"))
ACCEPT = f"{HAL_FORMS}, {HAL};q=0.9, {PROBLEM};q=0.8, */*;q=0.1"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
REPEATABLE, BUSY = {"GET", "HEAD", "PUT", "DELETE"}, {429, 502, 503, 504}
LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
EXPRESSION, RESERVED = re.compile(r"{([+#./;?&]?)([^}]+)}"), ":/?#[]@!$&'()*+,;="

Node = dict[str, Any]
Answer = requests.Response | requests.RequestException


class Resource:
    """A document and the ways on from it: its links, its forms, what it embeds."""

    def __init__(self, client: "Client", response: requests.Response, part: Node | None = None) -> None:
        self.client, self.response, self.status = client, response, response.status_code
        self.data = document(response) if part is None else part
        self.links, self.forms = member(self.data, "_links", dict), member(self.data, "_templates", dict)
        self.url = self.href("self") if "self" in self.links else response.url
        tag = response.headers.get("ETag", "") if part is None else ""  # a weak one never matches
        self.etag = tag if tag.startswith('"') else member(self.data, "_etag", str)

    def __getitem__(self, name: str) -> Any:
        return self.seen(self.data[name])

    def follow(self, rel: str, /, **variables: Any) -> "Resource":
        """Get what a link leads to; one that is a URI template takes variables."""
        return self.client.send(self.request("GET", self.href(rel, **variables)))

    def submit(self, name: str, /, **values: Any) -> "Resource":
        """Send a form, with the values that it came with and those given here."""
        return self.client.send(self.filled(name, values))

    def do(self, method: str, rel: str, body: Node | None = None) -> "Resource":
        """What `submit` does, for a link that has no form."""
        return self.client.send(self.request(method, self.href(rel), body or {}))

    def items(self, rel: str = "item") -> Iterator["Resource"]:
        """What a collection holds; each page of it is fetched when it is come to."""
        page, been = self, {self.url}
        while page:
            yield from page.embedded(rel)
            there = page.href("next") if "next" in page.links else None
            page = None if there is None or there in been else page.follow("next")
            been.add(there)

    def embedded(self, rel: str) -> list["Resource"]:
        found = member(self.data, "_embedded", dict).get(rel, [])
        return self.seen(found if isinstance(found, list) else [found])

    def seen(self, value: Any) -> Any:
        """What has links is a resource, wherever in a document it stands."""
        if isinstance(value, list):
            return [self.seen(each) for each in value]
        linked = isinstance(value, dict) and "_links" in value
        return Resource(self.client, self.response, value) if linked else value

    def href(self, rel: str, /, **variables: Any) -> str:
        link = offered(self.links, rel)
        link = link[0] if isinstance(link, list) else link
        return urljoin(self.response.url, expand(link["href"], variables))

    def way(self, method: str, name: str, values: Node) -> Node:
        """The request of a form or, where there is none, of the link of that name."""
        if name in self.forms:
            return self.filled(name, values)
        return self.request(method, self.href(name), values)

    def filled(self, name: str, values: Node) -> Node:
        form = offered(self.forms, name)
        came = {field["name"]: prefilled(field) for field in member(form, "properties", list)}
        values = {name: value for name, value in came.items() if value is not None} | values
        url = urljoin(self.response.url, form.get("target") or self.url)
        return self.request(form.get("method", "GET").upper(), url, values, form.get("contentType") or JSON)

    def request(self, method: str, url: str, values: Node | None = None, media: str = JSON) -> Node:
        """What `requests` is to send, and send again: with its key, but without the token."""
        values, headers = values or {}, {}
        if method in ("PUT", "PATCH", "DELETE") and self.etag and bare(url) == bare(self.url):
            headers["If-Match"] = self.etag
        if key := values.get("_idempotency_key") or (method == "POST" and uuid4()):
            headers["Idempotency-Key"] = f'"{key}"'
        if method in ("GET", "HEAD", "DELETE"):
            return {"method": method, "url": asking(url, values), "headers": headers}
        sent = urlencode(plain(values), doseq=True) if media.startswith(FORM) else json.dumps(values)
        return {"method": method, "url": url, "headers": headers | {"Content-Type": media}, "data": sent}


class Problem(Resource, Exception):
    """An answer that says no, why (RFC 9457), and often where to go on: it is a resource itself."""

    def __init__(self, client: "Client", response: requests.Response) -> None:
        super().__init__(client, response)
        self.title = member(self.data, "title", str) or response.reason
        self.detail, self.errors = member(self.data, "detail", str), member(self.data, "errors", list)

    def __str__(self) -> str:
        return ". ".join(filter(None, (f"{self.status} {self.title}", self.detail, *map(str, self.errors))))


class Client:
    """A conversation: who is logged in, what was seen, and patience with a service that is busy.

    `timeout` is for each wait; what may safely be repeated is sent again, up to `retries` times in `patience`
    seconds. A POST may, under its Idempotency-Key: where such keys mean nothing, say `retries=0`.
    What never got an answer raises what `requests` raises.
    """

    def __init__(
        self, url: str, *, timeout: float = 10, retries: int = 4, patience: float = 90, keeps: int = 256
    ) -> None:
        self.url, self.timeout, self.retries = url, timeout, retries
        self.patience, self.keeps = patience, keeps
        self.session = requests.Session()
        self.session.headers["Accept"] = ACCEPT
        self.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def home(self) -> Resource:
        return self.send({"method": "GET", "url": self.url, "headers": {}})

    def login(self, username: str, password: str) -> Resource:
        """Log in, and see the home as whoever did; the tokens go only to where they came from."""
        self.forget()
        self.admit(self.home().way("POST", "login", {"username": username, "password": password}))
        return self.home()

    def logout(self) -> None:
        try:
            if self.tokens:
                self.send(self.tokens.way("DELETE", "logout", {}))
        except Problem as problem:
            if problem.status != 401:  # that is: out already
                raise
        finally:
            self.forget()

    def refresh(self) -> bool:
        """Renew the tokens, if that is offered; a login whose renewal is refused has ended."""
        tokens = self.tokens
        if not tokens or "refresh" not in tokens.links | tokens.forms:
            return False
        self.forget()
        try:
            self.admit(tokens.way("POST", "refresh", {"refresh_token": tokens["refresh_token"]}))
        except (Problem, *LOST) as error:
            if isinstance(error, Problem) and error.status < 500 and error.status not in BUSY:
                raise
            self.tokens = tokens  # as good as it was
        return self.tokens is not tokens

    def admit(self, request: Node) -> None:
        """Ask for tokens, and only once: to spend one twice ends a login."""
        request["headers"].pop("Idempotency-Key", None)
        self.tokens = self.send(request)
        self.due = monotonic() + 0.9 * self.tokens.data.get("expires_in", float("inf"))

    def forget(self) -> None:
        self.tokens: Resource | None = None
        self.due = float("inf")
        self.kept: dict[str, requests.Response] = {}

    def send(self, request: Node) -> Resource:
        if monotonic() > self.due:
            self.refresh()
        answer = self.patiently(request)
        if answer.status_code == 401 and "Authorization" in answer.request.headers and self.refresh():
            answer = self.patiently(request)
        if answer.ok:
            return Resource(self, answer)
        raise Problem(self, answer)

    def patiently(self, request: Node) -> requests.Response:
        end, again = monotonic() + self.patience, "Idempotency-Key" in request["headers"]
        last = self.retries if again or request["method"] in REPEATABLE else 0
        for attempt in range(last + 1):
            answer = self.once(request, min(self.timeout, max(end - monotonic(), 0.01)))
            wait = pause(answer, attempt)
            if wait is None or attempt == last or monotonic() + wait > end:
                break
            sleep(wait)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def once(self, request: Node, timeout: float) -> Answer:
        """Send it; of a document that has not changed since, what was kept is the answer."""
        url, reads = request["url"], request["method"] == "GET"
        known = self.kept.get(url) if reads else None
        headers = request["headers"] | ({"If-None-Match": known.headers["ETag"]} if known else {})
        try:
            answer = self.session.request(**request | {"headers": headers}, timeout=timeout, auth=self.sign)
        except LOST as lost:
            return lost
        answer = known if known and answer.status_code == 304 else answer
        if reads and answer.ok and "ETag" in answer.headers:
            self.keep(url, answer)
        return answer

    def keep(self, url: str, answer: requests.Response) -> None:
        self.kept.pop(url, None)
        if "no-store" not in answer.headers.get("Cache-Control", ""):
            self.kept[url] = answer
        while len(self.kept) > self.keeps:
            del self.kept[next(iter(self.kept))]  # the one not asked for the longest

    def sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.tokens and urlsplit(request.url)[:2] == urlsplit(self.tokens.response.url)[:2]:
            request.headers["Authorization"] = f"Bearer {self.tokens['access_token']}"
        return request


def pause(answer: Answer, attempt: int) -> float | None:
    """How long until it may go better: random, longer each time, and no less than was asked for."""
    lost = isinstance(answer, Exception)
    if not lost and answer.status_code not in BUSY:
        return None
    said = "" if lost else answer.headers.get("Retry-After", "")
    date = parsedate_tz(said)
    least = float(said) if said.isdecimal() else mktime_tz(date) - time() if date else 0
    return max(least, 0) + random.uniform(0, 0.5 * 2**attempt)  # noqa: S311


def document(response: requests.Response) -> Node:
    said = response.content and "json" in response.headers.get("Content-Type", "")
    try:
        data = response.json() if said else {}
    except requests.JSONDecodeError:
        if response.ok:
            raise
        data = {}  # a refusal is one, however it is worded
    return data if isinstance(data, dict) else {}


def member(data: Node, name: str, kind: type) -> Any:
    """A member, if it is of the kind that it should be."""
    return value if isinstance(value := data.get(name), kind) else kind()


def offered(ways: Node, name: str) -> Any:
    if name not in ways:
        raise LookupError(f"{name!r} is not offered here; what is: {', '.join(ways) or 'nothing'}")
    return ways[name]


def prefilled(field: Node) -> Any:
    """The value that a field of a form came with: a choice, a number or a text."""
    options, value = member(field, "options", dict), field.get("value")
    if chosen := options.get("selectedValues"):
        return chosen[0] if options.get("maxItems") == 1 else chosen
    if field.get("type") in ("number", "range") and isinstance(value, str):
        return json.loads(value) if value else None
    return value


def plain(values: Node) -> dict[str, list[str]]:
    """Values as HTML would write them in a form or a query."""
    lists = {name: value if isinstance(value, list) else [value] for name, value in values.items()}
    write = lambda value: str(value).lower() if isinstance(value, bool) else str(value)  # noqa: E731
    return {name: [write(each) for each in those if each is not None] for name, those in lists.items()}


def asking(url: str, values: Node) -> str:
    query = urlencode(parse_qs(urlsplit(url).query, True) | plain(values), doseq=True)
    return f"{bare(url)}?{query}" if query and values else url


def bare(url: str) -> str:
    return url.partition("?")[0]


def expand(template: str, variables: Node) -> str:
    """The URL that a URI template makes; a variable that it does not take would be lost, and is refused."""
    spare = set(variables)

    def expanded(found: re.Match[str]) -> str:
        kind, parts = found[1], []
        for name in found[2].split(","):
            spare.discard(bare := name.rstrip("*"))
            words = plain({bare: variables.get(bare)})[bare]
            words = [quote(word, safe=RESERVED if kind in ("+", "#") else "") for word in words]
            words = words if name.endswith("*") else [",".join(words)][: len(words)]
            parts += [f"{bare}={word}" for word in words] if kind in (";", "?", "&") else words
        between = {"": ",", "+": ",", "#": ",", "?": "&"}.get(kind, kind)
        return kind.strip("+") + between.join(parts) if parts else ""

    url = EXPRESSION.sub(expanded, template)
    if spare:
        raise LookupError(f"{template} takes no {', '.join(sorted(spare))}")
    return url
