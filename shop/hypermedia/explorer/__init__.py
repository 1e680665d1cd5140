"""The explorer: one static page for browsers, which fetches the same URL as HAL-FORMS and draws it."""

from hashlib import blake2b
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Response, request, send_from_directory
from werkzeug.exceptions import HTTPException, NotFound

from shop.hypermedia.html_pages import render_page
from shop.hypermedia.negotiation import HTML, choose_offer, parse_media_ranges
from shop.hypermedia.request import request_state
from shop.hypermedia.url_scope import is_outside_api, list_media_types

FOLDER = Path(__file__).parent
PARTS = sorted(part.name for part in FOLDER.iterdir() if part.suffix in (".css", ".js"))
TAG = blake2b(b"".join((FOLDER / name).read_bytes() for name in PARTS), digest_size=6).hexdigest()
MODULES = [name for name in PARTS if name.endswith(".js") and name != "theme.js"]
YEAR = 365 * 24 * 3600

explorer = Blueprint("explorer", __name__, template_folder=".")


@explorer.get("/static/explorer/<tag>/<name>", endpoint="static")
def send_part(tag: str, name: str) -> Response:
    """A part of the page; its address changes with its content, so it may be kept."""
    if name not in PARTS:
        raise NotFound
    response = send_from_directory(FOLDER, name, max_age=YEAR if tag == TAG else 0)
    response.cache_control.immutable = tag == TAG
    return response


def is_page_wanted() -> bool:
    """Whether a person asks with a browser, rather than a program that takes HAL as well."""
    accept = request.headers.get("Accept", "")
    if HTML not in accept.lower():
        return False
    if is_outside_api() or request.method not in ("GET", "HEAD") or HTML not in parse_media_ranges(accept):
        return False
    return choose_offer(accept, (*list_media_types(), HTML)) == HTML


def show_page() -> Response | None:
    """Send the page to a browser; a URL that does not exist, or has no GET, keeps its status."""
    if not is_page_wanted():
        return None
    base = urlsplit(request_state().root).path
    response = render_page(
        "index.html",
        base=base,
        parts=f"{base}/static/explorer/{TAG}",
        prefix=request_state().prefix,
        modules=MODULES,
    )
    if isinstance(wrong := request.routing_exception, HTTPException):
        refusal = wrong.get_response(request.environ)
        response.status_code = refusal.status_code
        response.headers.update({name: word for name, word in refusal.headers if name == "Allow"})
    return response
