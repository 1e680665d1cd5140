"""Asking over GraphQL, in the process or over a socket."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask_migrate import upgrade

from shop.app import create_app
from shop.domain.product import Product
from shop.domain.user import CUSTOMER
from shop.model.moves import STAFF
from tests.conftest import Person, enroll_user, settings_for
from tests.running import Process, serving

GRAPHQL = "application/graphql-response+json"

Ask = Callable[..., Any]


@pytest.fixture
def ask() -> Ask:
    """A document and its variables, by POST."""

    def post(who: Person, query: str, **variables: Any) -> Any:
        words = {"query": query, "variables": variables}
        return who.post("/graphql", words, headers={"Accept": GRAPHQL})

    return post


@pytest.fixture
def data(ask: Ask) -> Ask:
    """What was asked for, where nothing went wrong."""

    def found(who: Person, query: str, **variables: Any) -> dict[str, Any]:
        answer = ask(who, query, **variables).json
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    return found


@pytest.fixture
def codes(ask: Ask) -> Ask:
    """The codes of what went wrong."""

    def found(who: Person, query: str, **variables: Any) -> list[str]:
        return [each["extensions"]["code"] for each in ask(who, query, **variables).json.get("errors", [])]

    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A shop in a process of its own, with a laptop and a customer."""
    url = f"sqlite:///{tmp_path_factory.mktemp('graphql') / 'shop.db'}"
    app = create_app(settings_for(url))
    with app.app_context():
        upgrade()
        session = app.extensions["sqlalchemy"].session()
        session.add(Product(name="Laptop", description="", price=99900, stock=50))
        session.commit()
    enroll_user(app, "ada", CUSTOMER), enroll_user(app, "grace", STAFF)
    with serving(url, login_rate_limit="1000000/second") as (process,):
        yield process
