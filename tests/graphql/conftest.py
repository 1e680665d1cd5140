"""Running GraphQL queries, in this process or over a socket."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shop.app import create_app
from shop.cli.migrations import upgrade_database
from shop.domain.product import Product
from shop.domain.user import CUSTOMER
from shop.model.moves import STAFF
from tests.conftest import Person, enroll_user, settings_for
from tests.running import Process, serving

GRAPHQL = "application/graphql-response+json"

RunQuery = Callable[..., Any]


@pytest.fixture
def run_query() -> RunQuery:
    """Sends a document and its variables with POST and returns the response."""

    def post(who: Person, query: str, **variables: Any) -> Any:
        words = {"query": query, "variables": variables}
        return who.post("/graphql", words, headers={"Accept": GRAPHQL})

    return post


@pytest.fixture
def fetch_data(run_query: RunQuery) -> RunQuery:
    """Runs a query and returns its data; fails if there are errors."""

    def run(who: Person, query: str, **variables: Any) -> dict[str, Any]:
        answer = run_query(who, query, **variables).json
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    return run


@pytest.fixture
def fetch_codes(run_query: RunQuery) -> RunQuery:
    """Runs a query and returns the codes of its errors."""

    def run(who: Person, query: str, **variables: Any) -> list[str]:
        return [
            each["extensions"]["code"] for each in run_query(who, query, **variables).json.get("errors", [])
        ]

    return run


@pytest.fixture(scope="module")
def shop_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A shop in a separate process, with a laptop, a customer and a member of staff."""
    url = f"sqlite:///{tmp_path_factory.mktemp('graphql') / 'shop.db'}"
    app = create_app(settings_for(url))
    with app.app_context():
        upgrade_database()
        session = app.extensions["sqlalchemy"].session()
        session.add(Product(name="Laptop", description="", price=99900, stock=50))
        session.commit()
    enroll_user(app, "ada", CUSTOMER), enroll_user(app, "grace", STAFF)
    with serving(url, login_rate_limit="1000000/second") as (process,):
        yield process
