"""Deprecation and Sunset (RFC 9745, RFC 8594) in every answer of a version that has an end date."""

from datetime import UTC, datetime, time
from urllib.parse import quote

from flask import Response, request
from werkzeug.http import http_date

from shop.doors.request_context import get_settings
from shop.doors.rest.url_scope import API_PATH
from shop.doors.rest.versions import V1, V2
from shop.hypermedia.request import request_state


def announce_sunset(response: Response) -> Response:
    """v1 is deprecated from the day that v2 came, or from its own last day if that is sooner."""
    last = get_settings().v1_sunset
    if last and request_state().version is V1 and API_PATH.match(request.path):
        began = datetime.combine(min(V2.since, last), time.min, UTC)
        response.headers["Deprecation"] = f"@{int(began.timestamp())}"
        response.headers["Sunset"] = http_date(datetime.combine(last, time(23, 59, 59), UTC))
        response.headers.add("Link", f'<{build_successor_url()}>; rel="successor-version"')
        for rel in ("deprecation", "sunset"):
            response.headers.add(
                "Link", f'<{request_state().root}/profile#versions>; rel="{rel}"; type="text/html"'
            )
    return response


def build_successor_url() -> str:
    """Return the same place in v2, quoted: a path may hold what would end the header, or add a link to it."""
    place = API_PATH.match(request.path)
    rest = request.path[place.end(1) if place[1] else len("/api") :]
    return f"{request_state().root}/api/v2{quote(rest)}"
