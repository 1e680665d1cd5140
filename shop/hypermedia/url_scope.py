"""The host, version and prefix that a request came by, and the media type of its answer."""

import re
from typing import Any
from urllib.parse import urlencode

from flask import current_app, request
from werkzeug.exceptions import BadRequest, NotAcceptable, RequestHeaderFieldsTooLarge, SecurityError

from shop.hypermedia.negotiation import EVENT_STREAM, HAL, HAL_FORMS, JSON, choose_offer, parse_version
from shop.hypermedia.request import request_state
from shop.hypermedia.runtime import get_service, get_settings

MAX_HEADER = 4096  # characters
# A long token is a 401, cookies are not read, and a wish that makes no sense is not granted.
UNBOUNDED_HEADERS = ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_PREFER")
PORT_SUFFIX = re.compile(r":\d+$")
API_PATH = re.compile(r"/api(?:/(v\d+))?(?:/|$)")


def resolve_url_scope() -> None:
    """Set the version, and the root and prefix that every link of the answer stays inside."""
    found = request_state()
    place = API_PATH.match(request.path)
    service = get_service()
    found.named_version = parse_version(request.headers.get("Accept", ""), service.slug)
    name = (place and place[1]) or found.named_version or ""
    found.version = service.version_of.get(name, service.default_version)
    found.prefix = "/api" if place and not place[1] else f"/api/{found.version.name}"
    found.host = read_host()
    found.root = get_settings().public_url or (f"{request.scheme}://{found.host}" if found.host else "")


def is_outside_api() -> bool:
    """Whether the request is for something that stands beside the versions: a page, a document, a file."""
    return bool(request.blueprint) and request.path != "/" and not API_PATH.match(request.path)


def read_host() -> str:
    """Return the host that the request names, in small letters; nothing where that is no name of a host."""
    try:
        return request.host.lower()
    except SecurityError:
        return ""


def check_host() -> None:
    """Refuse a Host that is no name, or not ours. Supervisors may ask for health by any name."""
    if request.path.startswith("/health/"):
        return
    if not request_state().root:
        raise BadRequest("Host must be a host name, with or without a port.")
    if get_settings().trusted_hosts and not is_trusted(request_state().host, get_settings().trusted_hosts):
        raise BadRequest("Host must be a name that this service answers to.")


def is_trusted(host: str, trusted: tuple[str, ...]) -> bool:
    """Whether a host is among the trusted ones; ports do not matter, and a dot in front means all below."""
    name = PORT_SUFFIX.sub("", host)
    names = [PORT_SUFFIX.sub("", each.lower()) for each in trusted]
    return any(name == each.removeprefix(".") or (each[0] == "." and name.endswith(each)) for each in names)


def build_url(path: str, **query: Any) -> str:
    """Return an absolute URL inside the version and prefix of this request."""
    return f"{request_state().root}{request_state().prefix}{path}" + (f"?{urlencode(query)}" if query else "")


def refuse_long_headers() -> None:
    """Refuse long headers, so that no parser needs to be fast for any length."""
    if name := find_long_header(request.environ):
        header = name.removeprefix("HTTP_").replace("_", "-").title()
        raise RequestHeaderFieldsTooLarge(f"{header} has more than {MAX_HEADER} characters.")


def find_long_header(environ: dict[str, Any]) -> str | None:
    """Return the name of a header that is too long, or None."""
    for name, value in environ.items():
        is_header = name.startswith("HTTP_") or name == "CONTENT_TYPE"
        if is_header and len(value) > MAX_HEADER and name not in UNBOUNDED_HEADERS:
            return name
    return None


def negotiate_media_type() -> None:
    """Choose the answer's media type before anything is done, or say that there is none.

    DELETE answers with nothing, so there is nothing to refuse: its clients may ask for problems alone.
    """
    if request.routing_exception or is_outside_api() or request.method == "OPTIONS":
        return
    request_state().media_type = choose_offer(request.headers.get("Accept", ""), list_media_types())
    if request.method == "DELETE":
        return
    if not request_state().media_type or request_state().named_version not in (
        None,
        request_state().version.name,
    ):
        raise NotAcceptable(f"This place answers with {', '.join(list_media_types())}.")


def list_media_types() -> tuple[str, ...]:
    stream = (EVENT_STREAM,) if is_streamed() else ()
    return HAL_FORMS, HAL, JSON, get_service().get_vendor_type(request_state().version), *stream


def is_streamed() -> bool:
    """Whether the view of this request can answer with a stream of events."""
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "is_streamed", False)
