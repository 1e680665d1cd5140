"""Uses reviews through every door. test_guide.py runs this in a copy of the project; it prints what worked."""

import tempfile
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from shop.app import create_app
from shop.cli.migrations import upgrade_database
from shop.domain.product import Product
from shop.domain.user import CUSTOMER
from shop.doors.grpc import shop_pb2 as pb
from shop.doors.grpc.methods import UNARY_METHODS
from shop.model.moves import STAFF
from shop.services import tokens, users
from shop.settings import read_settings
from shop.storage.migration_state import find_drift
from shop.storage.transactions import OPERATOR, Context

FORMS = {"Accept": "application/prs.hal-forms+json"}


def make_shop() -> Flask:
    file = Path(tempfile.mkdtemp()) / "shop.db"
    key = "kV9s0dGq3mXw7Zr1tYb5nPc8hJf2uLe4"
    app = create_app(read_settings({"SHOP_SECRET_KEY": key, "SHOP_DATABASE_URL": f"sqlite:///{file}"}))
    with app.app_context():
        upgrade_database()
        session = app.extensions["sqlalchemy"].session()
        session.add(Product(name="Mug", description="", price=900, stock=3))
        session.commit()
    return app


def enroll_user(app: Flask, name: str, role: str) -> dict[str, str]:
    with app.app_context():
        ctx = Context(app.extensions["sqlalchemy"].session(), OPERATOR)
        data = {"username": name, "email": f"{name}@shop.example", "password_hash": "-"}
        user = users.add_user(ctx, data, role)
        pair = tokens.open_login(ctx, app.extensions["shop"].signer, user.id)
    return {"Authorization": f"Bearer {pair.access_token}"}


def try_rest(app: Flask, ada: dict[str, str], grace: dict[str, str]) -> None:
    client = app.test_client()
    reviews = client.get("/", headers=ada).json["_links"]["reviews"]["href"]
    form = client.get(reviews, headers={**ada, **FORMS}).json["_templates"]["create"]
    assert {"product_id", "stars", "text"} <= {each["name"] for each in form["properties"]}
    written = client.post(reviews, json={"product_id": 1, "stars": 4, "text": "Good."}, headers=ada)
    assert (written.status_code, written.json["status"]) == (201, "waiting")
    here = written.headers["Location"]
    assert client.get(here).status_code == 404
    assert (
        client.post(reviews, json={"product_id": 9, "stars": 4, "text": "?"}, headers=ada).status_code == 404
    )
    assert client.post(f"{here}/publish", headers=ada).status_code == 403
    published = client.post(f"{here}/publish", headers=grace).json
    assert (published["status"], "publish" in published["_links"]) == ("published", False)
    refused = client.post(f"{here}/publish", headers=grace)
    assert (refused.status_code, "already published" in refused.json["detail"]) == (409, True)
    assert client.get("/api/v1/products/1").json["_links"]["reviews"]["href"].endswith("/products/1/reviews")
    embedded = client.get("/api/v1/products/1?embed=reviews").json["_embedded"]["reviews"]
    assert [each["stars"] for each in embedded["_embedded"]["item"]] == [4]


def try_graphql(app: Flask, ada: dict[str, str], grace: dict[str, str]) -> None:
    def run_query(query: str, headers: dict[str, str]) -> dict:
        return app.test_client().post("/graphql", json={"query": query}, headers=headers).json["data"]

    made = run_query(
        'mutation { createReview(productId: "Product:1", stars: 5, text: "Fine.") { review { id can } } }',
        ada,
    )
    id = made["createReview"]["review"]["id"]
    shown = run_query(
        f'mutation {{ publish(id: "{id}") {{ review {{ status can product {{ name }} }} }} }}', grace
    )
    assert shown["publish"]["review"] == {"status": "published", "can": ["hide"], "product": {"name": "Mug"}}
    assert run_query("{ reviews { totalCount nodes { stars } } }", {})["reviews"]["totalCount"] == 2


def try_grpc(app: Flask, ada: dict[str, str], grace: dict[str, str]) -> None:
    def call_method(name: str, request: object, headers: dict[str, str]) -> object:
        with app.test_request_context(headers=headers):
            return UNARY_METHODS[name](request)

    request = pb.CreateReviewRequest(product_id=1, stars=1, text="Broken.")
    review = call_method("CreateReview", request, ada).review
    hidden = call_method("HideReview", pb.HideReviewRequest(id=review.id), grace).review
    assert (hidden.status, list(hidden.can)) == (pb.REVIEW_STATUS_HIDDEN, ["publish"])
    assert call_method("ListReviews", pb.ListReviewsRequest(), {}).total_size == 2


def try_documents(app: Flask) -> None:
    client = app.test_client()
    paths = client.get("/openapi/v1.json").json["paths"]
    assert {"/api/v1/reviews", "/api/v1/reviews/{id}/publish", "/api/v1/products/{id}/reviews"} <= set(paths)
    assert 'id="review"' in client.get("/profile").text


def check_database(app: Flask) -> None:
    assert find_drift(app.extensions["shop"].engine) == []
    with app.app_context():
        assert app.extensions["sqlalchemy"].session().scalars(select(Product)).all()


if __name__ == "__main__":
    app = make_shop()
    ada, grace = enroll_user(app, "ada", CUSTOMER), enroll_user(app, "grace", STAFF)
    for name, attempt in (
        ("rest", lambda: try_rest(app, ada, grace)),
        ("graphql", lambda: try_graphql(app, ada, grace)),
        ("grpc", lambda: try_grpc(app, ada, grace)),
        ("documents", lambda: try_documents(app)),
        ("database", lambda: check_database(app)),
    ):
        attempt()
        print(name)  # noqa: T201
