"""The front door: REST with hypermedia, HAL over Flask."""

from flask import Flask

from shop.doors.rest import (
    access_log,
    cors,
    deprecation,
    etags,
    explorer,
    problems,
    rate_limit_hooks,
    response_cache,
    url_scope,
)
from shop.doors.rest.about import about
from shop.doors.rest.changes import changes
from shop.doors.rest.home import root
from shop.doors.rest.openapi import Id, build_api
from shop.doors.rest.orders import orders
from shop.doors.rest.products import products
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
    common = rate_limit_hooks.build_request_limits(settings)
    get_runtime(app).waiting_places = WaitingPlaces(settings.threads // 2)
    response_cache.install(app, common)  # before all others: the last to see an answer
    access_log.install(app)
    url_scope.install(app)
    cors.install(app, settings)
    rate_limit_hooks.install(app, common)
    app.before_request(url_scope.refuse_long_headers)
    app.before_request(url_scope.check_host)  # after the limits, so that who is refused is counted
    explorer.install(app)
    app.before_request(response_cache.raise_refusal)
    app.before_request(url_scope.negotiate_media_type)
    etags.install(app)
    deprecation.install(app)
    problems.install(app)
    app.register_blueprint(about)
    get_runtime(app).apis = {version.name: build_api(app, version, settings) for version in VERSIONS.values()}
    for blueprint, place in PLACES.items():
        app.register_blueprint(blueprint, url_prefix=f"/api{place}", name=f"any_{blueprint.name}")
        for version, made in get_runtime(app).apis.items():
            made.register_blueprint(
                blueprint, url_prefix=f"/api/{version}{place}", name=f"{version}_{blueprint.name}"
            )
    app.register_blueprint(root, url_prefix="", name="first_home")
    for name in ("any", *VERSIONS):  # without a slash too, so that a wrong method is a 405 there as well
        home = f"{name}_home.home"
        app.add_url_rule(f"/api/{name}".removesuffix("/any"), home, app.view_functions[home])
