"""Shop: products, users and orders with hypermedia links.

model/          entities with moves, input fields, money and errors
storage/        transactions, pagination, idempotency, the change log, timeouts
domain/         the entities of the shop, their moves and input schemas
services/       use cases: permission, preconditions, one transaction each
doors/          the protocols (rest: HAL over Flask; graphql and grpc: extras)
app.py          create_app: puts database, limits and doors together
settings.py     every setting, read once and validated
serving/        waitress with timeouts, and worker processes
observability/  logging, metrics, tracing and health checks
client/         a HAL client and an API linter, which know nothing of the shop
cli/            the `shop` command
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """`from shop import create_app`, without loading Flask for those who only want the domain."""
    if name == "create_app":
        from shop.app import create_app

        return create_app
    raise AttributeError(name)
