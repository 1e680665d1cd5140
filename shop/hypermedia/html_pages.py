"""HTML pages, with one strict content security policy."""

from typing import Any

from flask import render_template

from shop.hypermedia.negotiation import HTML
from shop.hypermedia.responses import Answer, build_public_response
from shop.hypermedia.runtime import get_service

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def render_page(name: str, **facts: Any) -> Answer:
    page = render_template(name, service=get_service(), **facts)
    response = build_public_response(page, f"{HTML}; charset=utf-8")
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response
