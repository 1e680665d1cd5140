"""Hooks of schemathesis: values for our scalars, and a check that fails only on server errors."""

import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes

TIMES = st.just("2026-01-31T12:00:00Z")

schemathesis.graphql.scalar("Money", st.floats(-1, 1e12, allow_nan=False).map(nodes.Float))
schemathesis.graphql.scalar("DateTime", TIMES.map(nodes.String))


@schemathesis.check
def no_server_error(_, response, __) -> None:
    assert response.status_code < 500
    assert b"INTERNAL_SERVER_ERROR" not in response.content
