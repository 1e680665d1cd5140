"""By which version and prefix a request came, and what for; who asks is read by shop/doors/web.py."""

import re
from typing import Any
from urllib.parse import urlencode

from flask import Flask, request
from werkzeug.exceptions import BadRequest, NotAcceptable, RequestHeaderFieldsTooLarge, SecurityError

from shop.doors.media import JSON
from shop.doors.rest.media import HAL, HAL_FORMS, named_version, negotiate
from shop.doors.rest.versions import V1, VERSIONS
from shop.doors.web import settings
from shop.hypermedia.request import request_state

BESIDE = ("about", "explorer", "graphql")  # what is not a resource of the shop
MAX_HEADER = 4096  # characters
# A long token is a 401, cookies are not read, and a wish that makes no sense is not granted.
ANY_LENGTH = ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_PREFER")
PORT = re.compile(r":\d+$")
PLACE = re.compile(r"/api(?:/(v\d+))?(?:/|$)")


def locate() -> None:
    """Note the version, and the root and prefix that every link of the answer stays inside."""
    found = request_state()
    place = PLACE.match(request.path)
    found.named_version = named_version(request.headers.get("Accept", ""))
    found.version = VERSIONS.get((place and place[1]) or found.named_version or "", V1)
    found.prefix = "/api" if place and not place[1] else f"/api/{found.version.name}"
    found.host = read_host()
    found.root = settings().public_url or (f"{request.scheme}://{found.host}" if found.host else "")


def read_host() -> str:
    """Return the host that the request names, in small letters; nothing where that is no name of a host."""
    try:
        return request.host.lower()
    except SecurityError:
        return ""


def check_host() -> None:
    """Refuse a Host that is no name, or not ours. Supervisors ask for health by whatever name they have."""
    if request.path.startswith("/health/"):
        return
    if not request_state().root:
        raise BadRequest("Host must be a host name, with or without a port.")
    if settings().trusted_hosts and not is_trusted(request_state().host, settings().trusted_hosts):
        raise BadRequest("Host must be a name of this shop (SHOP_TRUSTED_HOSTS).")


def is_trusted(host: str, trusted: tuple[str, ...]) -> bool:
    """Whether a host is among the trusted ones; ports do not matter, and a dot in front means all below."""
    name = PORT.sub("", host)
    names = [PORT.sub("", each.lower()) for each in trusted]
    return any(name == each.removeprefix(".") or (each[0] == "." and name.endswith(each)) for each in names)


def href(path: str, **query: Any) -> str:
    """An absolute URL inside the version and prefix that the client came by."""
    return f"{request_state().root}{request_state().prefix}{path}" + (f"?{urlencode(query)}" if query else "")


def refuse_long_headers() -> None:
    """No parser of a header has to be quick with any length."""
    for name, value in request.environ.items():
        is_header = name.startswith("HTTP_") or name == "CONTENT_TYPE"
        if is_header and len(value) > MAX_HEADER and name not in ANY_LENGTH:
            header = name.removeprefix("HTTP_").replace("_", "-").title()
            raise RequestHeaderFieldsTooLarge(f"{header} has more than {MAX_HEADER} characters.")


def agree() -> None:
    """Choose the answer's media type before anything is done, or say that there is none.

    DELETE answers with nothing, so there is nothing to refuse: its clients may ask for problems alone.
    """
    if request.routing_exception or request.blueprint in BESIDE or request.method == "OPTIONS":
        return
    request_state().media_type = negotiate(request.headers.get("Accept", ""), offers())
    if request.method == "DELETE":
        return
    if not request_state().media_type or request_state().named_version not in (
        None,
        request_state().version.name,
    ):
        raise NotAcceptable(f"This place answers with {', '.join(offers())}.")


def offers() -> tuple[str, ...]:
    return HAL_FORMS, HAL, JSON, request_state().version.media


def install(app: Flask) -> None:
    app.before_request(locate)
