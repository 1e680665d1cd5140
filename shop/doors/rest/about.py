"""What stands outside the versions: health, the documentation pages, the OpenAPI documents."""

from typing import Any

import orjson
from flask import Blueprint, Response, current_app, g, render_template
from sqlalchemy import text

from shop.doors.rest.guard import anonymous
from shop.doors.rest.openapi import document
from shop.doors.rest.problems import STATUS
from shop.doors.rest.profile import TERMS
from shop.doors.rest.versions import VERSIONS

about = Blueprint(
    "about", __name__, template_folder="pages", static_folder="pages/static", static_url_path="/static"
)
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def page(name: str, **facts: Any) -> Response:
    response = Response(render_template(name, **facts), content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    g.public = True
    return response


@about.get("/health/live")
def live() -> dict[str, str]:
    return {"status": "up"}


@about.get("/health/ready")
def ready() -> dict[str, str]:
    anonymous().session.execute(text("SELECT 1"))
    return {"status": "ready"}


@about.get("/openapi/<any(v1,v2):version>.json")
def openapi(version: str) -> Response:
    spec = document(current_app.extensions["shop-apis"][version])
    g.public = True
    return Response(orjson.dumps({**spec, "servers": [{"url": g.root}]}), content_type="application/json")


@about.get("/docs")
def docs() -> Response:
    return page("docs.html", versions=list(VERSIONS), root=g.root)


@about.get("/profile")
def profile() -> Response:
    return page("profile.html", terms=TERMS, problems=STATUS, root=g.root)
