"""Prism stands in front of the shop and finds no request and no answer that breaks its OpenAPI document."""

import subprocess
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.clients.conftest import HERE
from tests.conftest import PASSWORD
from tests.running import TIMEOUT
from tests.servers import find_free_port, wait_for_port

PRICES = {"v1": 99.99, "v2": {"amount": "99.99", "currency": "USD"}}
Send = Callable[..., requests.Response]


@pytest.fixture(scope="module", params=PRICES)
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def prism(node: str, root: str, version: str) -> Iterator[str]:
    """The address of Prism; with `--errors` it answers a violation with a problem of its own."""
    port, home = find_free_port(), root.rstrip("/")
    command = [node, HERE / "node_modules/@stoplight/prism-cli/dist/index.js", "proxy", "--errors"]
    command += ["--port", str(port), f"{root}openapi/{version}.json", home]
    with subprocess.Popen(command, env={"HOME": "/nonexistent"}, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for_port(port, TIMEOUT)
            yield f"http://127.0.0.1:{port}/api/{version}"
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def send(prism: str) -> Send:
    """Send a request through Prism as staff, and check that it noted no violation."""
    headers = {}

    def send(expected: int, method: str, path: str, json: object = None, **more: str) -> requests.Response:
        more = {name.replace("_", "-"): value for name, value in more.items()}
        answer = requests.request(
            method, prism + path, json=json, headers={**headers, **more}, timeout=TIMEOUT
        )
        assert answer.status_code == expected, answer.text
        assert "sl-violations" not in answer.headers
        assert "stoplight" not in answer.text
        return answer

    token = send(200, "POST", "/tokens", {"username": "grace", "password": PASSWORD}).json()
    headers["Authorization"] = f"Bearer {token['access_token']}"
    return send


def test_prism_refuses_what_breaks_the_document(prism):
    answer = requests.post(f"{prism}/tokens", json={"username": 1}, timeout=TIMEOUT)
    assert answer.status_code == 422
    assert "stoplight" in answer.json()["type"]


@pytest.mark.parametrize(
    "path", ["", "/products", "/products/1", "/orders", "/users", "/users/1/orders", "/changes"]
)
def test_what_is_read_conforms(send, path):
    answer = send(200, "GET", path)
    if tag := answer.headers.get("ETag"):
        send(304, "GET", path, If_None_Match=tag)


def test_a_problem_conforms(send):
    send(404, "GET", "/products/999")


def test_the_life_of_a_product_conforms(send, version):
    created = send(201, "POST", "/products", {"name": "Oak shelf", "price": PRICES[version], "stock": 5})
    path, tag = f"/products/{created.json()['id']}", created.headers["ETag"]
    assert send(200, "PATCH", path, {"name": "Oak shelves"}, If_Match=tag).json()["stock"] == 5
    send(412, "PATCH", path, {"name": "Oak shelves"}, If_Match=tag)
    send(204, "PATCH", path, {"name": "Shelves"}, Prefer="return=minimal")
    send(200, "POST", f"{path}/restock", {"amount": 3})
    send(204, "DELETE", path)


def test_the_life_of_an_order_conforms(send):
    order = send(201, "POST", "/orders", {"items": [{"product_id": 2, "quantity": 1}]}).json()
    path = f"/orders/{order['id']}"
    send(200, "GET", path)
    send(409, "POST", f"{path}/ship", {"tracking": "JD0002"})
    send(200, "POST", f"{path}/cancel", {})


def test_logging_out_conforms(send):
    send(204, "DELETE", "/tokens/current")


def test_home_has_the_path_of_the_document(root, version):
    home = requests.get(f"{root}api/{version}", timeout=TIMEOUT).json()["_links"]["self"]["href"]
    paths = requests.get(f"{root}openapi/{version}.json", timeout=TIMEOUT).json()["paths"]
    assert home.removeprefix(root.rstrip("/")) in paths
