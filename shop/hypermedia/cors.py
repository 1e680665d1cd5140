"""Cross-origin requests: refused, unless a setting names the origin."""

import re

from flask import Response, request

from shop.hypermedia.runtime import get_settings

EXPOSED = (
    "Location, Content-Location, Link, ETag, Allow, Retry-After, RateLimit, RateLimit-Policy, "
    "WWW-Authenticate, X-Request-ID"
)

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # of a header (RFC 9110)


def allow_origin(response: Response) -> Response:
    """Let the pages of the origins that the settings name read this response."""
    origins = get_settings().cors_origins
    if not origins:
        return response
    response.vary.add("Origin")
    if request.headers.get("Origin") in origins:
        response.access_control_allow_origin = request.headers["Origin"]
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
        if request.method == "OPTIONS":
            preflight(response)
    return response


def preflight(response: Response) -> None:
    response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
    asked = request.headers.get("Access-Control-Request-Headers", "").split(",")
    names = [name for each in asked if NAME.fullmatch(name := each.strip())]
    response.headers["Access-Control-Allow-Headers"] = ", ".join(names)
    response.access_control_max_age = 600
