"""Shop: products, users and orders behind hypermedia links.

domain/     what is true in a shop: entities, their moves, the shapes of input
services/   what a caller may do: permission, preconditions, one transaction each
doors/      the ways in; each translates and none decides (rest: HAL over Flask; graphql, grpc: extras)
app.py      create_app: database, limits and doors put together
settings.py every setting, read once, refused when wrong
server.py   waitress with its limits
metrics.py, tracing.py   what Prometheus and OpenTelemetry may know: extras, which watch from outside
cli/        the `shop` command, a file for each family of its commands
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """`from shop import create_app`, without loading Flask for those who only want the domain."""
    if name == "create_app":
        from shop.app import create_app

        return create_app
    raise AttributeError(name)
