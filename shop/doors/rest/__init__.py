"""The front door: REST with hypermedia, HAL over Flask."""

from flask import Flask

from shop.doors.rest.about import about
from shop.doors.rest.changes import changes
from shop.doors.rest.explorer import explorer
from shop.doors.rest.home import root
from shop.doors.rest.openapi import Id, build_api
from shop.doors.rest.orders import orders
from shop.doors.rest.pipeline import register_steps
from shop.doors.rest.problems import register_error_handlers
from shop.doors.rest.products import products
from shop.doors.rest.rate_limit_hooks import build_request_limits, prepare_limiter
from shop.doors.rest.response_cache import install_response_cache
from shop.doors.rest.tokens import tokens
from shop.doors.rest.users import users
from shop.doors.rest.versions import VERSIONS
from shop.hypermedia.waiting_places import WaitingPlaces
from shop.runtime import get_runtime
from shop.settings import Settings

PLACES = {
    root: "", products: "/products", users: "/users", orders: "/orders", tokens: "/tokens",
    changes: "/changes",
}  # fmt: skip


def open_door(app: Flask, settings: Settings) -> None:
    """Register every blueprint under every version, and once more where Accept names the version."""
    app.url_map.strict_slashes = app.url_map.merge_slashes = False
    app.url_map.converters["id"] = Id
    runtime = get_runtime(app)
    runtime.waiting_places = WaitingPlaces(settings.threads // 2)
    limits = build_request_limits(settings)
    install_response_cache(app, limits)
    prepare_limiter(app, limits)
    register_steps(app)
    register_error_handlers(app)
    app.register_blueprint(explorer)
    app.register_blueprint(about)
    runtime.apis = {version.name: build_api(app, version, settings) for version in VERSIONS.values()}
    for blueprint, place in PLACES.items():
        app.register_blueprint(blueprint, url_prefix=f"/api{place}", name=f"any_{blueprint.name}")
        for version, made in runtime.apis.items():
            made.register_blueprint(
                blueprint, url_prefix=f"/api/{version}{place}", name=f"{version}_{blueprint.name}"
            )
    app.register_blueprint(root, url_prefix="", name="first_home")
    for name in ("any", *VERSIONS):  # without a slash too, so that a wrong method is a 405 there as well
        home = f"{name}_home.home"
        app.add_url_rule(f"/api/{name}".removesuffix("/any"), home, app.view_functions[home])
