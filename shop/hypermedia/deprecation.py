"""Deprecation and Sunset (RFC 9745, RFC 8594) in every answer of a version that has an end date."""

from datetime import UTC, datetime, time
from urllib.parse import quote

from flask import Response, request
from werkzeug.http import http_date

from shop.hypermedia.request import request_state
from shop.hypermedia.runtime import get_service
from shop.hypermedia.url_scope import API_PATH


def announce_sunset(response: Response) -> Response:
    """Announce the last day of a version. It is deprecated since its successor came, or since that day."""
    service, version = get_service(), request_state().version
    last = service.sunsets.get(version.name)
    if last and API_PATH.match(request.path):
        successor = service.get_successor(version)
        began = datetime.combine(min(successor.since, last), time.min, UTC)
        response.headers["Deprecation"] = f"@{int(began.timestamp())}"
        response.headers["Sunset"] = http_date(datetime.combine(last, time(23, 59, 59), UTC))
        response.headers.add("Link", f'<{build_url_in(successor.name)}>; rel="successor-version"')
        for rel in ("deprecation", "sunset"):
            response.headers.add(
                "Link", f'<{request_state().root}/profile#versions>; rel="{rel}"; type="text/html"'
            )
    return response


def build_url_in(version: str) -> str:
    """Return this place in a version, quoted: a path may hold what would end the header or add a link."""
    place = API_PATH.match(request.path)
    rest = request.path[place.end(1) if place[1] else len("/api") :]
    return f"{request_state().root}/api/{version}{quote(rest)}"
