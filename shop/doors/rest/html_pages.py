"""Pages for people, all under one strict policy."""

from typing import Any

from flask import Response, render_template

from shop.hypermedia.negotiation import HTML
from shop.hypermedia.request import request_state

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def render_page(name: str, **facts: Any) -> Response:
    response = Response(render_template(name, **facts), content_type=f"{HTML}; charset=utf-8")
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    request_state().is_public = True
    return response
