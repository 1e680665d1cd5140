"""A client for HAL and HAL-FORMS that starts at one URL and follows links (examples/rest_client.py)."""

import json
import random
from collections.abc import Iterator
from functools import partial
from time import monotonic, sleep
from typing import Any
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

try:
    import requests
    import uritemplate
except ImportError as error:
    raise ImportError("shop.client needs an extra that is not installed: pip install '.[client]'") from error

ACCEPT = (
    "application/prs.hal-forms+json, application/hal+json;q=0.9, application/problem+json;q=0.8, */*;q=0.1"
)
EVENT_STREAM, MAX_SILENCE = "text/event-stream", 30.0  # seconds; streams have a sign of life more often
REPEATABLE_METHODS, BUSY_STATUSES = ("GET", "HEAD", "PUT", "DELETE"), (429, 502, 503, 504)
CONNECTION_ERRORS = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
Node = dict[str, Any]


class Resource:
    """A document with its links, forms and embedded resources."""

    def __init__(self, client: "Client", response: requests.Response, part: Node | None = None) -> None:
        self.client, self.response, self.status = client, response, response.status_code
        self.data = parse_document(response) if part is None else part
        self.links, self.forms = self.data.get("_links", {}), self.data.get("_templates", {})
        self.url = self.href("self") if "self" in self.links else response.url
        header = response.headers.get("ETag", "") if part is None else ""
        # Weak tags never match If-Match.
        self.etag = header if header.startswith('"') else self.data.get("_etag")

    def __getitem__(self, name: str) -> Any:
        """Return a member of the document; list items with links are returned as resources."""
        value, build_part = self.data[name], partial(Resource, self.client, self.response)
        if not isinstance(value, list):
            return value
        return [build_part(each) if isinstance(each, dict) and "_links" in each else each for each in value]

    def items(self, rel: str = "item") -> Iterator["Resource"]:
        """Yield the items of a collection; further pages are fetched when they are needed."""
        page = self
        while page:
            embedded = page.data.get("_embedded", {}).get(rel, [])
            for part in embedded if isinstance(embedded, list) else [embedded]:
                yield Resource(page.client, page.response, part)
            page = page.follow("next") if "next" in page.links else None

    def follow(self, rel: str, /, **variables: Any) -> "Resource":
        """Get the target of a link; the variables fill in a URI template."""
        return self.send("GET", self.href(rel, variables))

    def do(self, method: str, rel: str, body: Node | None = None) -> "Resource":
        """Send a request to a link that has no form."""
        return self.send(method, self.href(rel), body)

    def submit(self, name: str, /, **values: Any) -> "Resource":
        """Submit a form with its initial values and the values given here."""
        form = self.forms[name]
        initial_values = {field["name"]: get_initial_value(field) for field in form.get("properties", [])}
        values = {name: value for name, value in initial_values.items() if value is not None} | values
        url = urljoin(self.response.url, form.get("target") or self.url)
        return self.send(form.get("method", "GET").upper(), url, values, form.get("contentType", ""))

    def href(self, rel: str, variables: Node | None = None) -> str:
        link = self.links[rel]
        template = (link[0] if isinstance(link, list) else link)["href"]
        return urljoin(self.response.url, uritemplate.expand(template, to_form_values(variables or {})))

    def find_target(self, rel: str) -> str:
        """Return the target of a form, or of the link if there is no form."""
        target = self.forms.get(rel, {}).get("target")
        return urljoin(self.response.url, target) if target else self.href(rel)

    def send(self, method: str, url: str, values: Node | None = None, content_type: str = "") -> "Resource":
        """Send values in the query or the body, with If-Match and an idempotency key where they apply."""
        values, headers = values or {}, {}
        if method in ("PUT", "PATCH", "DELETE") and self.etag and urlsplit(url)[:3] == urlsplit(self.url)[:3]:
            headers["If-Match"] = self.etag
        if key := values.get("_idempotency_key") or (method == "POST" and uuid4()):
            headers["Idempotency-Key"] = f'"{key}"'
        body = (
            {"data": to_form_values(values)} if "x-www-form-urlencoded" in content_type else {"json": values}
        )
        if method in ("GET", "DELETE"):
            url, body = requests.Request(method, url, params=to_form_values(values)).prepare().url, {}
        return self.client.request_with_retries(method, url, headers, **body)


class Problem(Resource, Exception):
    """An error answer (RFC 9457); it is also a resource, because it often has links."""

    def __init__(self, client: "Client", response: requests.Response) -> None:
        super().__init__(client, response)
        self.title, self.detail = self.data.get("title", response.reason), self.data.get("detail", "")
        self.errors = self.data.get("errors", [])
        sentences = (f"{self.status} {self.title}", self.detail, self.errors)
        self.args = (". ".join(str(sentence) for sentence in sentences if sentence),)


class Client(requests.Session):
    """A session with tokens and a cache; it repeats safe requests for up to `patience` seconds."""

    def __init__(self, url: str, *, timeout=10.0, retries=4, patience=90.0, keeps=256) -> None:
        super().__init__()
        self.url, self.timeout, self.keeps = url, timeout, keeps
        self.retries, self.patience = retries, patience
        self.headers["Accept"], self.auth = ACCEPT, self.authorize
        self.forget_login()

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """Send a request, always with a timeout."""
        return super().request(method, url, **{"timeout": self.timeout, **options})

    def home(self) -> Resource:
        return self.request_with_retries("GET", self.url, {})

    def changes(self, after: int | None = None, wait: int = 20) -> Iterator[Resource]:
        """Yield each change after a cursor, or after now, without end; outages of the server are waited out.

        A stream of events is followed where the server offers one. The member `seq` is the cursor to continue
        from later; a cursor that is too old raises Problem (410).
        """
        url, headers = "", {"Accept": f"{EVENT_STREAM}, {ACCEPT}"}
        while True:
            try:
                url = url or self.home().href(
                    "changes", {"wait": wait} | ({} if after is None else {"after": after})
                )
                silence = max(self.timeout, MAX_SILENCE) + wait
                page = self.request_with_retries("GET", url, headers, timeout=silence, stream=True)
                if is_event_stream(page.response):
                    for headers["Last-Event-ID"], part in read_events(page.response):
                        if part is not None:
                            yield Resource(self, page.response, part)
                    sleep(random.uniform(0, 1))  # noqa: S311
                    continue
            except (Problem, *CONNECTION_ERRORS) as error:
                if getattr(error, "status", 503) not in BUSY_STATUSES:
                    raise
                sleep(random.uniform(0, 1))  # noqa: S311
                continue
            embedded = page.data["_embedded"]["item"]
            yield from (Resource(self, page.response, part) for part in embedded)
            url = page.href("next")
            sleep(0 if embedded else float(page.response.headers.get("Retry-After", 0)))

    def login(self, username: str, password: str) -> Resource:
        """Log in and return the home document of that account."""
        self.forget_login()
        self.open_login(self.home().find_target("login"), username=username, password=password)
        return self.home()

    def logout(self) -> None:
        if self.tokens:
            self.tokens.do("DELETE", "logout")
        self.forget_login()

    def refresh(self) -> bool:
        """Renew the tokens if the API offers it; a refused renewal ends the login."""
        old_tokens = self.tokens
        if not old_tokens or "refresh" not in old_tokens.links | old_tokens.forms:
            return False
        self.forget_login()
        try:
            self.open_login(old_tokens.find_target("refresh"), refresh_token=old_tokens["refresh_token"])
        except (Problem, *CONNECTION_ERRORS) as error:
            if isinstance(error, Problem) and error.status in (400, 401, 403):
                raise
            self.tokens = old_tokens  # the old token may still be valid
        return self.tokens is not old_tokens

    def open_login(self, url: str, **values: str) -> None:
        """Get tokens with a single request, because using a refresh token twice ends the login."""
        self.tokens = self.request_with_retries("POST", url, {}, json=values)
        self.refresh_at = monotonic() + 0.9 * self.tokens.data.get("expires_in", float("inf"))

    def forget_login(self) -> None:
        self.tokens, self.refresh_at, self.cached_answers = None, float("inf"), {}

    def authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to requests for the server that issued it, and to no others."""
        if self.tokens and urlsplit(request.url)[:2] == urlsplit(self.tokens.response.url)[:2]:
            request.headers["Authorization"] = f"Bearer {self.tokens['access_token']}"
        return request

    def request_with_retries(self, method: str, url: str, headers: Node, **body: Any) -> Resource:
        """Send a request and repeat it after a random pause, if that is safe; Retry-After is respected."""
        give_up_at = monotonic() + self.patience
        is_repeatable = method in REPEATABLE_METHODS or "Idempotency-Key" in headers
        for attempt in range(self.retries if is_repeatable else 0):
            wait = random.uniform(0, 0.5 * 2**attempt)  # noqa: S311
            try:
                return self.request_once(method, url, headers, **body)
            except (Problem, *CONNECTION_ERRORS) as error:
                wait += find_retry_after(error)
                if getattr(error, "status", 503) not in BUSY_STATUSES or monotonic() + wait > give_up_at:
                    raise
            sleep(wait)
        return self.request_once(method, url, headers, **body)

    def request_once(self, method: str, url: str, headers: Node, **body: Any) -> Resource:
        """Send a request with current tokens; an unchanged document comes from the cache (304)."""
        if monotonic() > self.refresh_at:
            self.refresh()
        cached = self.cached_answers.pop(url, None) if method == "GET" else None
        headers = headers | ({"If-None-Match": cached.headers["ETag"]} if cached else {})
        send = partial(self.request, method, url, headers=headers, **body)
        answer = send()
        if answer.status_code == 401 and "Authorization" in answer.request.headers and self.refresh():
            answer = send()
        answer = cached if cached and answer.status_code == 304 else answer
        if not answer.ok:
            raise Problem(self, answer)
        is_storable = "ETag" in answer.headers and "no-store" not in answer.headers.get("Cache-Control", "")
        if method == "GET" and is_storable:
            self.cached_answers[url] = answer
        if len(self.cached_answers) > self.keeps:
            del self.cached_answers[next(iter(self.cached_answers))]  # the least recently used entry
        return Resource(self, answer)


def find_retry_after(error: Exception) -> float:
    """Return the seconds that an answer asks to wait; 0 if it does not, or if there was no answer."""
    text = error.response.headers.get("Retry-After", "") if isinstance(error, Problem) else ""
    return float(text) if text.isdecimal() else 0


def is_event_stream(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").startswith(EVENT_STREAM)


def read_events(response: requests.Response) -> Iterator[tuple[str, Node | None]]:
    """Yield the id of each block of a stream of events, and its data, until the stream ends."""
    last_id, lines = "", list[str]()
    with response:
        for line in response.iter_lines():
            name, _, value = line.decode().partition(": ")
            if name == "id":
                last_id = value
            elif name == "data":
                lines.append(value)
            elif not line and last_id:
                yield last_id, json.loads("\n".join(lines)) if lines else None
                lines.clear()


def parse_document(response: requests.Response) -> Node:
    try:
        return dict(response.json()) if "json" in response.headers.get("Content-Type", "") else {}
    except (TypeError, ValueError):  # not JSON, or not an object
        return {}


def get_initial_value(field: Node) -> Any:
    """Return the initial value of a form field: a choice, a number or text."""
    options, value = field.get("options", {}), field.get("value")
    if chosen := options.get("selectedValues"):
        return chosen[0] if options.get("maxItems") == 1 else chosen
    numeric = field.get("type") in ("number", "range") and isinstance(value, str)
    return json.loads(value or "null") if numeric else value


def to_form_values(values: Node) -> Node:
    """Return values in the notation of HTML forms and query strings."""
    return {
        name: json.dumps(value) if isinstance(value, int | float) else value for name, value in values.items()
    }
