"""What the versions have in common: health checks, documentation pages, OpenAPI documents."""

from flask import Blueprint, request
from werkzeug.exceptions import NotFound

from shop.hypermedia.alps import build_alps
from shop.hypermedia.html_pages import render_page
from shop.hypermedia.negotiation import HTML, JSON, choose_offer
from shop.hypermedia.openapi import PLACEHOLDER, write_document
from shop.hypermedia.profile import list_terms
from shop.hypermedia.request import request_state
from shop.hypermedia.responses import Answer, build_public_response
from shop.hypermedia.runtime import get_runtime, get_service
from shop.model.errors import Unavailable

about = Blueprint(
    "about", __name__, template_folder="pages", static_folder="pages/static", static_url_path="/static"
)
ALPS = "application/alps+json"
CATALOGUE = 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'


@about.get("/.well-known/api-catalog")
def catalogue() -> Answer:
    """Return the homes of all versions, and what describes them (RFC 9727)."""
    place = f"{request_state().root}/.well-known/api-catalog"
    homes = {name: f"{request_state().root}/api/{name}" for name in get_service().version_of}
    described = [{"anchor": home, **about_version(name)} for name, home in homes.items()]
    catalogue = {"anchor": place, "item": [{"href": home} for home in homes.values()]}
    response = build_public_response({"linkset": [catalogue, *described]}, CATALOGUE)
    response.headers["Link"] = f'<{place}>; rel="api-catalog"'
    return response


def about_version(name: str) -> dict[str, list[dict[str, str]]]:
    return {
        "service-desc": [{"href": f"{request_state().root}/openapi/{name}.json", "type": "application/json"}],
        "service-doc": [{"href": f"{request_state().root}/docs?version={name}", "type": "text/html"}],
        "status": [{"href": f"{request_state().root}/health/ready", "type": "application/json"}],
        "profile": [{"href": f"{request_state().root}/profile", "type": "text/html"}],
    }


@about.get("/health/live")
def live() -> dict[str, str]:
    return {"status": "up"}


@about.get("/health/ready")
def ready() -> tuple[dict[str, str], dict[str, str]]:
    """Whether to send requests here: proxies and supervisors ask, and it is never answered late."""
    if get_runtime().stopping.is_set():
        raise Unavailable("This process is about to stop.", retry_after=1)
    return {"status": "ready", **get_runtime().check_readiness()}, {"Cache-Control": "no-store"}


@about.get("/openapi/<version>.json")
def openapi(version: str) -> Answer:
    if version not in get_runtime().apis:
        raise NotFound
    document = write_document(get_runtime().apis[version])
    return build_public_response(document.replace(PLACEHOLDER, request_state().root), JSON)


@about.get("/docs")
def docs() -> Answer:
    return render_page("docs.html", root=request_state().root)


@about.get("/profile")
def profile() -> Answer:
    """Return what every member and link means: a page for people, ALPS for programs that name it."""
    if choose_offer(request.headers.get("Accept", ""), (HTML, ALPS)) == ALPS:
        return build_public_response(build_alps(request_state().root), ALPS)
    return render_page("profile.html", terms=list_terms(get_service()), root=request_state().root)
