"""A small GraphQL client: with timeouts, error handling and safe retries.

python examples/graphql_client.py http://127.0.0.1:8000/graphql customer PASSWORD    (`shop demo` prints one)
"""

# ruff: noqa: T201
import sys
import time
import uuid
from contextlib import suppress
from typing import Any

import requests

LOGIN = """mutation($name: String!, $password: String!) {
    login(username: $name, password: $password) { accessToken }
}"""
SEARCH = "query($words: String!) { searchProducts(query: $words) { id name price stock can } }"
BUY = """mutation($id: ID!, $key: String!) {
    buy(id: $id, quantity: 1, idempotencyKey: $key) { order { id status total currency can } }
}"""
MAX_TRIES = 4


class GraphQLError(Exception):
    """An error of the shop; programs should use its `code`."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['message']} ({'.'.join(map(str, error.get('path', [])))})")
        self.code = error.get("extensions", {}).get("code", "")


class Shop:
    def __init__(self, url: str) -> None:
        self.url, self.session = url, requests.Session()
        self.session.headers["Accept"] = "application/graphql-response+json"

    def run_query(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = self.send_with_retries({"query": query, "variables": variables})
        if "json" not in answer.headers.get("Content-Type", ""):
            answer.raise_for_status()
        found = answer.json()
        if found.get("errors"):  # a 200 may contain errors, and a 400 has a body that explains it
            raise GraphQLError(found["errors"][0])
        return found["data"]

    def send_with_retries(self, body: dict[str, Any]) -> requests.Response:
        """Retry temporary failures; mutations have a key, so that none is executed twice."""
        for attempt in range(1, MAX_TRIES):
            wait: float = attempt
            with suppress(requests.ConnectionError, requests.Timeout):
                answer = self.session.post(self.url, json=body, timeout=(3, 10))
                if answer.status_code not in (429, 502, 503, 504):
                    return answer
                wait = float(answer.headers.get("Retry-After", attempt))
            time.sleep(wait)
        return self.session.post(self.url, json=body, timeout=(3, 10))

    def login(self, name: str, password: str) -> None:
        token = self.run_query(LOGIN, name=name, password=password)["login"]["accessToken"]
        self.session.headers["Authorization"] = f"Bearer {token}"


def main(url: str, username: str, password: str) -> None:
    shop = Shop(url)
    shop.login(username, password)
    for product in shop.run_query(SEARCH, words="")["searchProducts"]:
        print(f"{product['name']}: {product['price']}, {product['stock']} left")
        if "buy" in product["can"]:
            order = shop.run_query(BUY, id=product["id"], key=str(uuid.uuid4()))["buy"]["order"]
            print(f"{order['id']} is {order['status']}: {order['total']} {order['currency']}.")
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
