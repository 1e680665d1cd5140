"""What stands outside the versions: health, the documentation pages, the OpenAPI documents."""

import orjson
from flask import Blueprint, Response, request

from shop.doors.rest.html_pages import render_page
from shop.doors.rest.media_types import choose_offer
from shop.doors.rest.openapi import build_document
from shop.doors.rest.problems import PROBLEM_TYPES
from shop.doors.rest.profile import PROFILE_TERMS, build_alps, list_side_doors
from shop.doors.rest.versions import VERSIONS
from shop.hypermedia.negotiation import HTML
from shop.hypermedia.request import request_state
from shop.runtime import get_runtime

about = Blueprint(
    "about", __name__, template_folder="pages", static_folder="pages/static", static_url_path="/static"
)
ALPS = "application/alps+json"
CATALOGUE = 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'


@about.get("/.well-known/api-catalog")
def catalogue() -> Response:
    """Where the versions of the API are, and what describes them (RFC 9727)."""
    place = f"{request_state().root}/.well-known/api-catalog"
    homes = [f"{request_state().root}/api/{name}/" for name in VERSIONS]
    described = [{"anchor": home, **about_version(name)} for home, name in zip(homes, VERSIONS, strict=True)]
    linkset = {"linkset": [{"anchor": place, "item": [{"href": home} for home in homes]}, *described]}
    request_state().is_public = True
    response = Response(orjson.dumps(linkset), content_type=CATALOGUE)
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
    """Whether to send requests here: asked by proxies and supervisors, and never answered late."""
    runtime = get_runtime()
    return {"status": "ready", **runtime.health.check_readiness(stopping=runtime.stopping.is_set())}, {
        "Cache-Control": "no-store"
    }


@about.get("/openapi/<any(v1,v2):version>.json")
def openapi(version: str) -> Response:
    spec = build_document(get_runtime().apis[version])
    request_state().is_public = True
    return Response(
        orjson.dumps({**spec, "servers": [{"url": request_state().root}]}), content_type="application/json"
    )


@about.get("/docs")
def docs() -> Response:
    return render_page(
        "docs.html", versions=list(VERSIONS), doors=list_side_doors(), root=request_state().root
    )


@about.get("/profile")
def profile() -> Response:
    """What every word means: a page for people, ALPS for programs that name it."""
    if choose_offer(request.headers.get("Accept", ""), (HTML, ALPS)) == ALPS:
        request_state().is_public = True
        return Response(orjson.dumps(build_alps(request_state().root)), content_type=ALPS)
    terms = {**PROFILE_TERMS, "home": {**PROFILE_TERMS["home"], **list_side_doors()}}
    return render_page("profile.html", terms=terms, problems=PROBLEM_TYPES, root=request_state().root)
