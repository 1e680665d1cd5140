"""Cache public responses, and check them by running their queries again.

A public response depends on the request line, a few headers and the rows that were read, so it is stored
with them. When the request is repeated, the same queries are run, and only where a row differs is the
response made again. That saves Flask, the schemas and the links: nine tenths of the work. What belongs to
each request stays: its limit, id, line in the log, validators and deadline (docs/decisions/0016).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from flask import Flask, Response, request
from sqlalchemy import Engine
from werkzeug.http import remove_entity_headers

from shop.hypermedia import access_log
from shop.hypermedia.access_log import read_request_ids
from shop.hypermedia.callers import group_address
from shop.hypermedia.compression import choose_encoding, strip_encoding
from shop.hypermedia.etags import parse_entity_tags
from shop.hypermedia.rate_limit_hooks import build_limit_headers
from shop.hypermedia.rate_limits import RequestLimits
from shop.hypermedia.request import request_state
from shop.hypermedia.responses import Answer
from shop.hypermedia.runtime import get_runtime
from shop.model.errors import DomainError
from shop.storage.recorded_queries import RecordedQuery, queries_still_match

# All that an answer for everybody depends on, and what makes it one that is not for everybody.
KEY_PARTS = ("PATH_INFO", "QUERY_STRING", "SCRIPT_NAME", "wsgi.url_scheme", "HTTP_HOST", "HTTP_ACCEPT")
UNCACHEABLE = (
    "HTTP_AUTHORIZATION", "HTTP_PREFER", "HTTP_ORIGIN", "HTTP_IF_MATCH",
    "CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING",
)  # fmt: skip
OWN_HEADERS = {"X-Request-ID", "RateLimit", "RateLimit-Policy"}
MAX_BYTES = 16 * 1024 * 1024  # bytes, of bodies and words and of what each answer takes beside them
OVERHEAD = 4096
MAX_ROWS = 500  # rows of an answer

Environ = dict[str, Any]


@dataclass(frozen=True)
class CachedResponse:
    """An answer, and the rows it was made of."""

    route: str
    tag: str
    body: bytes
    headers: list[tuple[str, str]]
    reads: list[RecordedQuery]
    size: int


class ResponseCache:
    def __init__(self, app: Flask, common: RequestLimits, engine: Engine) -> None:
        self.app, self.plain, self.common, self.engine = app, app.wsgi_app, common, engine
        self.known: dict[tuple[str, ...], CachedResponse] = {}
        self.size = 0
        self.observe = get_runtime(app).observe_response

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        try:
            if (known := self.known.get(build_cache_key(environ))) and (
                answer := self.recall(known, environ, start)
            ):
                return answer
        except DomainError as outage:
            return self.answer_outage(environ, start, outage)
        return self.plain(environ, start)

    def answer_outage(
        self, environ: Environ, start: Callable[..., Any], outage: DomainError
    ) -> Iterable[bytes]:
        """Let the steps before a view answer: asking the database again would take too long."""
        with self.app.request_context(environ):
            request_state().outage = outage
            return self.app.full_dispatch_request()(environ, start)

    def recall(
        self, known: CachedResponse, environ: Environ, start: Callable[..., Any]
    ) -> list[bytes] | None:
        began, who = perf_counter(), group_address(environ.get("REMOTE_ADDR"))
        tags = parse_entity_tags(environ.get("HTTP_IF_NONE_MATCH", ""))
        has = bool(tags & {known.tag, "*"})
        buckets = self.common.buckets(who, who, is_free=known.tag in tags)  # `*` does not say what it has
        if not self.common.hit(buckets):
            return None
        if known.reads and not queries_still_match(self.engine, known.reads):
            self.common.hit(buckets, -1)
            return None
        ids = read_request_ids(environ)
        own = {**build_limit_headers(self.common.windows(who)), "X-Request-ID": ids["request_id"]}
        headers = [*known.headers, *own.items()]
        if has:
            remove_entity_headers(headers)
        body = b"" if has else known.body
        status, seconds = 304 if has else 200, perf_counter() - began
        access_log.write_access_line(
            ids, "GET", known.route, status, seconds, len(body), None, environ.get("REMOTE_ADDR")
        )
        if self.observe:
            self.observe(known.route, status, seconds)
        start("304 NOT MODIFIED" if has else "200 OK", headers)
        return [body]

    def keep(self, response: Response) -> Response:
        """Cache a response that depends only on the request and on recorded rows."""
        asked = build_cache_key(request.environ)
        reads = response.queries if isinstance(response, Answer) else None
        if reads is None or not asked or response.status_code != 200:
            return response
        if sum(len(each.rows) for each in reads) <= MAX_ROWS:
            body = response.get_data()
            size = 2 * len(body) + sum(map(len, asked)) + OVERHEAD  # twice, for the rows
            replaced = self.known.pop(asked, None)
            self.size += size - (replaced.size if replaced else 0)
            if self.size > MAX_BYTES:
                self.known, self.size = {}, size
            tag = strip_encoding(response.get_etag()[0])
            headers = [each for each in response.headers if each[0] not in OWN_HEADERS]
            self.known[asked] = CachedResponse(request.url_rule.rule, tag, body, headers, reads, size)
        return response


def build_cache_key(environ: Environ) -> tuple[str, ...] | None:
    if environ["REQUEST_METHOD"] != "GET" or any(name in environ for name in UNCACHEABLE):
        return None
    encoding = choose_encoding(environ.get("HTTP_ACCEPT_ENCODING", ""))
    return encoding, *(environ.get(name, "") for name in KEY_PARTS)


def install_response_cache(app: Flask, limits: RequestLimits) -> None:
    """Answer what was asked before without Flask; not where statements are traced: it has no spans."""
    if get_runtime(app).is_traced:
        return
    cache = ResponseCache(app, limits, get_runtime(app).engine)
    app.wsgi_app = cache  # type: ignore[method-assign]
    app.after_request(cache.keep)  # before the others are registered, so that it sees the finished answer


def raise_outage() -> None:
    if outage := request_state().outage:
        raise outage
