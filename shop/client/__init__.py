"""A client for HAL APIs and a linter for them; they know nothing of the shop."""

from shop.client.client import Client, Problem, Resource

__all__ = ["Client", "Problem", "Resource"]
