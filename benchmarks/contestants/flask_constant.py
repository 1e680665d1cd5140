"""The limit of the framework: Flask with constant answers."""

from flask import Flask

from benchmarks.contestants.bare import LIST, ONE

app = Flask(__name__)


@app.get("/products/<int:id>")
def get_product(id: int) -> dict[str, object]:
    return ONE


@app.get("/products")
def list_products() -> dict[str, object]:
    return LIST
