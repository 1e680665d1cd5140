"""One client for each door, with the same methods: they return the state of the entity, or the code of an error.

A new door needs a class with these methods; the test cases are the same for all doors.
"""

from typing import Any

from shop.domain.order import Order
from shop.domain.product import Product
from shop.domain.user import User
from shop.doors.graphql.conversions import to_camel_case
from shop.doors.graphql.errors import RENAMED_CODES
from shop.doors.graphql.mutations import get_mutation_name
from shop.doors.grpc.methods import get_method_name
from shop.doors.resources import find_resource
from shop.hypermedia.links import MOVE_METHODS, get_move_path
from shop.model.moves import get_moves
from tests.conftest import Person
from tests.grpc_client import CallError, GrpcClient, build_money, to_dict

ENTITIES = {"products": Product, "users": User, "orders": Order}
State = dict[str, Any]


class RestClient:
    """REST: the code of a problem is in its type."""

    def get(self, who: Person, kind: str, id: int) -> str | State:
        return self.read_outcome(who.get(f"/api/v1/{kind}/{id}"))

    def list_all(self, who: Person, kind: str) -> str | list[State]:
        found = self.read_outcome(who.get(f"/api/v1/{kind}"))
        return (
            found if isinstance(found, str) else [self.normalize(each) for each in found["_embedded"]["item"]]
        )

    def create(self, who: Person, kind: str, words: State, key: str = "") -> str | State:
        return self.read_outcome(
            who.post(f"/api/v1/{kind}", words, headers={"Idempotency-Key": key} if key else {})
        )

    def perform(
        self, who: Person, kind: str, id: int, name: str, words: State, etag: str = "", key: str = ""
    ) -> str | State:
        move = get_moves(ENTITIES[kind])[name]
        method, url = MOVE_METHODS.get(name, ("POST",))[-1], f"/api/v1/{kind}/{id}{get_move_path(move)}"
        headers = {"If-Match": f'"{etag}"'} if etag else {}
        headers |= {"Idempotency-Key": key} if key else {}
        return self.read_outcome(who.call(method, url, json=words, headers=headers))

    def read_outcome(self, answer: Any) -> str | State:
        if answer.status_code < 400:
            return self.normalize(answer.json or {})
        return answer.json["type"].rpartition("#")[2]

    def normalize(self, state: State) -> State:
        """Return the state in the spelling that is the same for all doors."""
        named = {name: value for name, value in state.items() if name != "_etag"}
        return {**named, **({"etag": state["_etag"].strip('"')} if "_etag" in state else {})}


FIELDS = {
    "products": "id name description price stock etag can",
    "users": "id username email role disabled etag can",
    "orders": "id status total currency reference tracking etag can items { productId quantity total }",
}
TYPES = {"str": "String!", "int": "Int!", "float": "Money!", "list": "[LineInput!]!"}
TYPES_BY_NAME = {"id": "ID!", "price": "Money!"}


class GraphQLClient:
    """GraphQL: the code of an error is in its extensions."""

    def get(self, who: Person, kind: str, id: int) -> str | State:
        one = kind.removesuffix("s")
        return self.read_outcome(who, f"{{ {one}(id: {id}) {{ {FIELDS[kind]} }} }}", one)

    def list_all(self, who: Person, kind: str) -> str | list[State]:
        found = self.read_outcome(who, f"{{ {kind} {{ nodes {{ {FIELDS[kind]} }} }} }}", kind)
        return found if isinstance(found, str) else [self.normalize(each) for each in found["nodes"]]

    def create(self, who: Person, kind: str, words: State, key: str = "") -> str | State:
        name = {"users": "register", "orders": "placeOrder", "products": "createProduct"}[kind]
        return self.mutate(who, kind, name, self.to_graphql(words), key)

    def perform(
        self, who: Person, kind: str, id: int, name: str, words: State, etag: str = "", key: str = ""
    ) -> str | State:
        made = "orders" if name == "buy" else kind
        said = {"id": str(id), **self.to_graphql(words), **({"etag": etag} if etag else {})}
        return self.mutate(
            who,
            made,
            get_mutation_name(find_resource(ENTITIES[kind]), get_moves(ENTITIES[kind])[name]),
            said,
            key,
        )

    def mutate(self, who: Person, kind: str, name: str, words: State, key: str) -> str | State:
        words |= {"idempotencyKey": key} if key else {}
        field = kind.removesuffix("s")
        shown = "ok" if name.startswith("delete") else f"{field} {{ {FIELDS[kind]} }}"
        types = {**{arg: TYPES[type(value).__name__] for arg, value in words.items()}, **TYPES_BY_NAME}
        declared = ", ".join(f"${arg}: {types[arg]}" for arg in words)
        passed = ", ".join(f"{arg}: ${arg}" for arg in words)
        query = f"mutation({declared}) {{ made: {name}({passed}) {{ {shown} }} }}"
        found = self.read_outcome(who, query, "made", words)
        return found if isinstance(found, str) else self.normalize(found.get(field, {}))

    def read_outcome(self, who: Person, query: str, name: str, variables: State | None = None) -> str | State:
        answer = who.post("/graphql", {"query": query, "variables": variables or {}}).json
        if errors := answer.get("errors"):
            word = errors[0]["extensions"]["code"]
            return {name: code for code, name in RENAMED_CODES.items()}.get(word, word.lower())
        found = answer["data"][name]
        return "not_found" if found is None else self.normalize(found)

    def to_graphql(self, words: Any) -> Any:
        if isinstance(words, list):
            return [self.to_graphql(each) for each in words]
        if isinstance(words, dict):
            return {
                to_camel_case(name): str(value) if name == "product_id" else self.to_graphql(value)
                for name, value in words.items()
            }
        return words

    def normalize(self, state: Any) -> Any:
        if isinstance(state, dict) and isinstance(state.get("id"), str):
            return {**state, "id": int(state["id"].partition(":")[2])}
        return state


class GrpcDoorClient:
    """gRPC: the code of an error is in its ErrorInfo."""

    grpc_client: GrpcClient

    def get(self, who: Person, kind: str, id: int) -> str | State:
        return self.call(who, f"Get{ENTITIES[kind].__name__}", {"id": id})

    def list_all(self, who: Person, kind: str) -> str | list[State]:
        found = self.call(who, f"List{ENTITIES[kind].__name__}s", {})
        return found if isinstance(found, str) else found[kind]

    def create(self, who: Person, kind: str, words: State, key: str = "") -> str | State:
        (move,) = (each for each in get_moves(ENTITIES[kind]).values() if each.is_creation)
        return self.call(
            who, get_method_name(find_resource(ENTITIES[kind]), move), {**words, "request_id": key}
        )

    def perform(
        self, who: Person, kind: str, id: int, name: str, words: State, etag: str = "", key: str = ""
    ) -> str | State:
        name = get_method_name(find_resource(ENTITIES[kind]), get_moves(ENTITIES[kind])[name])
        return self.call(who, name, {**words, "id": id, "etag": etag, "request_id": key})

    def call(self, who: Person, name: str, words: State) -> str | State:
        said = {
            field: build_money(str(value)) if type(value) is float else value
            for field, value in words.items()
        }
        try:
            found = to_dict(self.grpc_client.call(name, who.tokens.get("access_token", ""), **said))
        except CallError as refused:
            return refused.reason.lower()
        only = next(iter(found.values()), {})
        return only if isinstance(only, dict) else found


DOORS = {"rest": RestClient(), "graphql": GraphQLClient(), "grpc": GrpcDoorClient()}
