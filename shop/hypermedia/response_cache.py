"""Cache responses, and check them by running their queries again.

A response depends on the request line, a few headers, the caller and the rows that were read, so it is stored
with them. When the request is repeated, the same queries are run, and only where a row differs is the
response made again. That saves Flask, the schemas and the links: nine tenths of the work. What belongs to
each request stays: its limit, id, line in the log, validators and deadline (docs/decisions/0016).

The context records whether a response looked at the actor. If so, it is stored for this caller alone, else
for all callers with the same roles. The queries that find the account of a caller are run at every request.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from threading import Lock
from time import perf_counter
from typing import Any

from flask import Flask, Response, request
from werkzeug.http import remove_entity_headers

from shop.hypermedia import access_log
from shop.hypermedia.access_log import read_request_ids
from shop.hypermedia.callers import Caller, group_address, name_account, parse_bearer_token
from shop.hypermedia.compression import choose_encoding, strip_encoding
from shop.hypermedia.etags import parse_entity_tags
from shop.hypermedia.rate_limit_hooks import build_limit_headers
from shop.hypermedia.rate_limits import RequestLimits
from shop.hypermedia.request import request_state
from shop.hypermedia.responses import Answer
from shop.hypermedia.runtime import Runtime, get_runtime
from shop.hypermedia.url_scope import find_long_header
from shop.model.errors import DomainError, Unauthenticated
from shop.model.moves import ANYONE
from shop.storage.recorded_queries import RecordedQuery, Recording, queries_still_match

# All that a response depends on beside the caller, and what makes it one that is not stored.
KEY_PARTS = ("PATH_INFO", "QUERY_STRING", "SCRIPT_NAME", "wsgi.url_scheme", "HTTP_HOST", "HTTP_ACCEPT")
UNCACHEABLE = ("HTTP_PREFER", "HTTP_ORIGIN", "HTTP_IF_MATCH", "CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING")
OWN_HEADERS = {"X-Request-ID", "RateLimit", "RateLimit-Policy"}
MAX_BYTES = 16 * 1024 * 1024  # bytes, of bodies and words and of what each response takes beside them
OVERHEAD = 4096
MAX_ROWS = 500  # rows of a response
MAX_CALLERS = 10_000
VISITOR = frozenset({ANYONE})

Environ = dict[str, Any]


@dataclass(frozen=True)
class CachedResponse:
    """A response, and the rows it was made of."""

    route: str
    tag: str
    body: bytes
    headers: list[tuple[str, str]]
    reads: list[RecordedQuery]
    size: int


@dataclass(frozen=True)
class KnownCaller:
    """How the account of a caller was found, what it held, and the roles that it had."""

    reads: list[RecordedQuery]
    account: Hashable
    roles: frozenset[str]


class ResponseCache:
    def __init__(self, app: Flask, common: RequestLimits, runtime: Runtime) -> None:
        self.app, self.plain, self.common, self.engine = app, app.wsgi_app, common, runtime.engine
        self.identify, self.observe = runtime.service.identify, runtime.observe_response
        self.known: dict[Hashable, CachedResponse] = {}
        self.callers: dict[Hashable, KnownCaller] = {}
        self.size = 0
        self.lock = Lock()  # of changes; looking a response up needs none

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        try:
            if answer := self.recall(environ, start):
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

    def recall(self, environ: Environ, start: Callable[..., Any]) -> list[bytes] | None:
        """Answer with the stored response, if there is one and its rows are still the same."""
        began, key = perf_counter(), build_cache_key(environ)
        if key is None:
            return None
        if "HTTP_AUTHORIZATION" not in environ:
            known = self.known.get((key, VISITOR))
            return known and self.answer(known, environ, start, began, known.reads)
        caller = self.find_caller(environ["HTTP_AUTHORIZATION"])
        found = caller and self.callers.get(caller.key)
        if not found:
            return None
        known = self.known.get((key, found.roles)) or self.known.get((key, found.account))
        return known and self.answer(known, environ, start, began, found.reads + known.reads, caller)

    def find_caller(self, authorization: str) -> Caller | None:
        try:
            token = parse_bearer_token(authorization)
            return None if token is None else self.identify(token)
        except Unauthenticated:
            return None

    def answer(
        self,
        known: CachedResponse,
        environ: Environ,
        start: Callable[..., Any],
        began: float,
        reads: list[RecordedQuery],
        caller: Caller | None = None,
    ) -> list[bytes] | None:
        place = group_address(environ.get("REMOTE_ADDR"))
        who = name_account(caller) if caller else place
        tags = parse_entity_tags(environ.get("HTTP_IF_NONE_MATCH", ""))
        has = bool(tags & {known.tag, "*"})
        buckets = self.common.buckets(who, place, is_free=known.tag in tags)  # `*` does not say what it has
        if not self.common.hit(buckets):
            return None
        if reads and not queries_still_match(self.engine, reads):
            self.common.hit(buckets, -1)
            return None
        ids = read_request_ids(environ)
        own = {**build_limit_headers(self.common.windows(who)), "X-Request-ID": ids["request_id"]}
        headers = [*known.headers, *own.items()]
        if has:
            remove_entity_headers(headers)
        body = b"" if has else known.body
        status, seconds = 304 if has else 200, perf_counter() - began
        user = caller.id if caller else None
        access_log.write_access_line(
            ids, "GET", known.route, status, seconds, len(body), user, environ.get("REMOTE_ADDR")
        )
        if self.observe:
            self.observe(known.route, status, seconds)
        start("304 NOT MODIFIED" if has else "200 OK", headers)
        return [body]

    def keep(self, response: Response) -> Response:
        """Store a response that depends only on the request, the caller and recorded rows."""
        recording = response.recording if isinstance(response, Answer) else None
        key = build_cache_key(request.environ)
        if recording is None or not recording.is_complete or not key or response.status_code != 200:
            return response
        if sum(len(each.rows) for each in recording.queries) > MAX_ROWS:
            return response
        if "HTTP_AUTHORIZATION" not in request.environ:
            self.store((key, VISITOR), response, recording)
        elif found := self.remember_caller():
            audience = found.account if recording.is_personal else found.roles
            self.store((key, audience), response, recording)
        return response

    def remember_caller(self) -> KnownCaller | None:
        """Store how the account of the caller was found."""
        state = request_state()
        if not state.caller or not state.caller_recording or not state.caller_recording.is_complete:
            return None
        reads = state.caller_recording.queries
        account = (state.caller.key, *(row for each in reads for row in each.rows))
        found = KnownCaller(reads, account, state.context.get_roles())
        with self.lock:
            self.callers[state.caller.key] = found
            while len(self.callers) > MAX_CALLERS:
                del self.callers[next(iter(self.callers))]
        return found

    def store(self, key: tuple[Any, ...], response: Answer, recording: Recording) -> None:
        """Store a response; where there is no room, the oldest ones go."""
        body = response.get_data()
        size = 2 * len(body) + sum(map(len, key[0])) + OVERHEAD  # twice, for the rows
        tag = strip_encoding(response.get_etag()[0])
        headers = [each for each in response.headers if each[0] not in OWN_HEADERS]
        with self.lock:
            self.drop(key)
            self.known[key] = CachedResponse(
                request.url_rule.rule, tag, body, headers, recording.queries, size
            )
            self.size += size
            while self.size > MAX_BYTES:
                self.drop(next(iter(self.known)))

    def drop(self, key: tuple[Any, ...]) -> None:
        if dropped := self.known.pop(key, None):
            self.size -= dropped.size


def build_cache_key(environ: Environ) -> tuple[str, ...] | None:
    if environ["REQUEST_METHOD"] != "GET" or any(name in environ for name in UNCACHEABLE):
        return None
    if find_long_header(environ):
        return None
    encoding = choose_encoding(environ.get("HTTP_ACCEPT_ENCODING", ""))
    return encoding, *(environ.get(name, "") for name in KEY_PARTS)


def install_response_cache(app: Flask, limits: RequestLimits) -> None:
    """Answer what was asked before without Flask; not where statements are traced: it has no spans."""
    if get_runtime(app).is_traced:
        return
    cache = ResponseCache(app, limits, get_runtime(app))
    app.wsgi_app = cache  # type: ignore[method-assign]
    app.after_request(cache.keep)  # before the others are registered, so that it sees the finished answer


def raise_outage() -> None:
    if outage := request_state().outage:
        raise outage
