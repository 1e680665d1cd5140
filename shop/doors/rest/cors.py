"""Browsers of other origins: turned away, unless a setting names the origin."""

import re

from flask import Flask, Response, request

from shop.settings import Settings

EXPOSED = (
    "Location, Content-Location, Link, ETag, Allow, Retry-After, RateLimit, RateLimit-Policy, "
    "WWW-Authenticate, X-Request-ID"
)

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # of a header (RFC 9110)


def install(app: Flask, settings: Settings) -> None:
    @app.after_request
    def share(response: Response) -> Response:
        if not settings.cors_origins:
            return response
        response.vary.add("Origin")
        if request.headers.get("Origin") in settings.cors_origins:
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
