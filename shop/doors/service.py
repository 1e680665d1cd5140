"""The shop as a service: its resources, who asks, and what is particular to it."""

from functools import partial
from typing import Any

from shop.doors.resources import RESOURCES
from shop.doors.rest.changes import FeedRepresentation, changes
from shop.doors.rest.home import HomeRepresentation
from shop.doors.rest.problems import SHOP_PROBLEM_TYPES, WAYS_OUT
from shop.doors.rest.tokens import TokenRepresentation, tokens
from shop.doors.rest.versions import V1, VERSIONS
from shop.hypermedia.callers import Caller
from shop.hypermedia.service import Service, SideDoor
from shop.services.context import ShopContext
from shop.services.tokens import ACCESS, Signer, identify_actor
from shop.settings import Settings
from shop.storage.transactions import TransactionSession

GRAPHQL = "The same shop over GraphQL: POST a query, or GET its schema."


def build_service(settings: Settings, signer: Signer, *, has_graphql: bool) -> Service:
    return Service(
        name="Shop",
        resources=RESOURCES,
        identify=partial(identify_by_token, signer),
        build_context=partial(build_context, settings),
        versions=VERSIONS,
        sunsets={V1.name: settings.v1_sunset} if settings.v1_sunset else {},
        home=HomeRepresentation,
        blueprints={tokens: "/tokens", changes: "/changes"},
        documents={"changes": FeedRepresentation, "token": TokenRepresentation},
        side_doors={"graphql": SideDoor(GRAPHQL, has_page=settings.graphiql)} if has_graphql else {},
        problem_types=SHOP_PROBLEM_TYPES,
        ways_out=WAYS_OUT,
    )


def identify_by_token(signer: Signer, token: str) -> Caller:
    claims = signer.verify(token, ACCESS)
    key = claims["sub"], claims["sid"], claims["epoch"]
    return Caller(int(claims["sub"]), lambda ctx: identify_actor(ctx, claims), key)


def build_context(settings: Settings, session: TransactionSession, **more: Any) -> ShopContext:
    limits = {
        "max_unpaid_orders": settings.max_unpaid_orders,
        "allow_private_hooks": settings.allow_private_hooks,
    }
    return ShopContext(session, currency=settings.currency, **limits, **more)
