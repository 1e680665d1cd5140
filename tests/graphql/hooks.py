"""For schemathesis: what our scalars look like, and that to refuse somebody is no fault."""

import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes

MOMENTS = st.just("2026-01-31T12:00:00Z")

schemathesis.graphql.scalar("Money", st.floats(-1, 1e12, allow_nan=False).map(nodes.Float))
schemathesis.graphql.scalar("DateTime", MOMENTS.map(nodes.String))


@schemathesis.check
def no_fault_of_ours(_, response, __) -> None:
    assert response.status_code < 500
    assert b"INTERNAL_SERVER_ERROR" not in response.content
