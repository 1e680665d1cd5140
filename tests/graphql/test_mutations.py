"""Mutations of GraphQL: several in one document, idempotency keys, ETags, login and logout."""

import pytest

from shop.storage.idempotency import Replay

LINES = '[{productId: "Product:1", quantity: 1}]'
PLACE_ORDER = f'placeOrder(items: {LINES}, idempotencyKey: "k")'


def get_replayed(answer):
    return answer.json.get("extensions", {}).get("replayed")


def test_an_answer_that_was_given_before_says_so(run_query, customer, product):
    product()
    answers = [
        run_query(customer, f"mutation {{ mine: {PLACE_ORDER} {{ order {{ id }} }} }}") for _ in range(2)
    ]
    assert [get_replayed(answer) for answer in answers] == [None, ["mine"]]


def test_the_same_answer_is_given_though_the_world_went_on(run_query, customer, staff, product):
    product()
    query = f"mutation {{ {PLACE_ORDER} {{ order {{ status can items {{ product {{ stock }} }} }} }} }}"
    first = run_query(customer, query).json["data"]
    run_query(staff, 'mutation { pay(id: 1, reference: "x") { ok } restock(id: 1, amount: 9) { ok } }')
    assert run_query(customer, query).json["data"] == first


@pytest.mark.parametrize(
    "query",
    [f"mutation {{ {PLACE_ORDER} {{ ok }} }}", f"mutation {{ other: {PLACE_ORDER} {{ order {{ id }} }} }}"],
)
def test_who_wants_to_know_something_else_asks_another_thing(
    run_query, fetch_codes, customer, product, query
):
    product()
    run_query(customer, f"mutation {{ {PLACE_ORDER} {{ order {{ id }} }} }}")
    assert fetch_codes(customer, query) == ["REUSED"]


def test_the_key_of_one_door_is_not_for_the_other(customer, fetch_codes, product):
    product()
    order = {"items": [{"product_id": 1, "quantity": 1}]}
    customer.post("/api/v1/orders", order, headers={"Idempotency-Key": "k"})
    assert fetch_codes(customer, f"mutation {{ {PLACE_ORDER} {{ ok }} }}") == ["REUSED"]


def test_each_mutation_of_a_document_has_its_own_key(fetch_data, staff, product):
    product(stock=0)
    query = """mutation {
        a: restock(id: 1, amount: 1, idempotencyKey: "a") { product { stock } }
        b: restock(id: 1, amount: 2, idempotencyKey: "b") { product { stock } }
    }"""
    first, second = (fetch_data(staff, query) for _ in range(2))
    assert ([each["product"]["stock"] for each in first.values()], first == second) == ([1, 3], True)


def test_mutations_are_made_one_after_the_other(fetch_data, staff, product):
    product(stock=2)
    made = fetch_data(staff, """mutation {
        first: buy(id: 1, quantity: 1) { order { id items { product { stock } } } }
        then: buy(id: 1, quantity: 1) { order { id items { product { stock } } } }
    }""")  # fmt: skip
    assert [each["order"]["items"][0]["product"]["stock"] for each in made.values()] == [1, 0]


def test_what_could_not_be_answered_whole_was_not_done(run_query, customer, product, session, monkeypatch):
    product()

    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr("shop.doors.graphql.resolvers.fetch_steps_of_orders", fail)
    run_query(customer, f"mutation {{ {PLACE_ORDER} {{ order {{ history {{ by }} }} }} }}")
    assert (customer.get("/api/v1/orders").json["total"], session.query(Replay).count()) == (0, 0)


@pytest.mark.parametrize("key", ["null", '""', '"a b"'])
def test_a_key_is_a_plain_string_or_not_there(fetch_codes, customer, product, key):
    product()
    found = fetch_codes(customer, f"mutation {{ buy(id: 1, quantity: 1, idempotencyKey: {key}) {{ ok }} }}")
    assert found == ([] if key == "null" else ["BAD_USER_INPUT"])


def test_a_key_may_be_a_variable_that_nobody_gave(fetch_data, customer, product):
    product()
    query = "mutation($k: String) { buy(id: 1, quantity: 1, idempotencyKey: $k) { order { id } } }"
    made = [fetch_data(customer, query)["buy"]["order"]["id"] for _ in range(2)]
    assert made == ["Order:1", "Order:2"]


@pytest.mark.parametrize("etag", ["1-1", '\\"1-1\\"', '\\"0-0\\", \\"1-1\\"', "*"])
def test_an_etag_may_be_spelled_as_over_http(fetch_codes, staff, product, etag):
    product()
    assert fetch_codes(staff, f'mutation {{ restock(id: 1, amount: 1, etag: "{etag}") {{ ok }} }}') == []


def test_a_stale_etag_is_answered_with_the_present_one(run_query, staff, product):
    product()
    wrong = run_query(staff, 'mutation { restock(id: 1, amount: 1, etag: "1-9") { ok } }').json["errors"][0]
    assert (wrong["extensions"]["code"], wrong["extensions"]["etag"]) == ("STALE", "1-1")


@pytest.mark.parametrize(("etag", "found"), [("", ["PRECONDITION_REQUIRED"]), (', etag: "1-1"', [])])
def test_where_a_version_must_be_named_it_must_be_named_here_too(
    variant, person, fetch_codes, product, etag, found
):
    product()
    who = person("ida", "staff", at=variant(require_if_match="on"))
    assert fetch_codes(who, f"mutation {{ restock(id: 1, amount: 1{etag}) {{ ok }} }}") == found


@pytest.mark.parametrize("price", ["2499.99", '"2499.99"', "$p"])
def test_money_is_a_number_or_its_text(fetch_data, staff, price):
    query = f'mutation($p: Money = 2499.99) {{ createProduct(name: "Mug", price: {price}) {{ product {{ price }} }} }}'
    assert fetch_data(staff, query if "$" in price else query.replace("($p: Money = 2499.99)", "")) == {
        "createProduct": {"product": {"price": 2499.99}}
    }


@pytest.mark.parametrize("price", ["true", '"1e3"', '"12,50"', "{}", "[1, 2]"])
def test_what_is_no_money_is_refused(fetch_codes, staff, price):
    query = f'mutation {{ createProduct(name: "Mug", price: {price}) {{ ok }} }}'
    assert fetch_codes(staff, query) == ["GRAPHQL_VALIDATION_FAILED"]


@pytest.mark.parametrize("id", ["1", '"1"', '"Product:1"'])
def test_an_id_is_a_number_or_says_of_what(fetch_data, anonymous, product, id):
    product()
    assert fetch_data(anonymous, f"{{ product(id: {id}) {{ id }} }}")["product"]["id"] == "Product:1"


@pytest.mark.parametrize("id", ["User:1", "x", "0", "-1", "Product:", "1" * 30, "Product:1\\n"])
def test_what_is_the_id_of_nothing_finds_nothing(fetch_data, anonymous, product, id):
    product()
    assert fetch_data(anonymous, f'{{ product(id: "{id}") {{ id }} node(id: "Order:x") {{ id }} }}') == {
        "product": None, "node": None,
    }  # fmt: skip


def test_a_node_is_found_by_the_id_it_has(fetch_data, customer, product):
    product()
    placed = fetch_data(customer, f"mutation {{ {PLACE_ORDER} {{ order {{ id }} }} }}")["placeOrder"]["order"]
    found = fetch_data(customer, "query($id: ID!) { node(id: $id) { __typename id } }", id=placed["id"])
    assert found["node"] == {"__typename": "Order", "id": placed["id"]}


class TestComingAndGoing:
    LOGIN = 'mutation { login(username: "ada", password: "walnut-and-brass") { accessToken refreshToken userId } }'

    @pytest.fixture
    def ada(self, fetch_data, anonymous, customer):
        pair = fetch_data(anonymous, self.LOGIN)["login"]
        anonymous.tokens = {"access_token": pair["accessToken"], "refresh": pair["refreshToken"]}
        return anonymous

    def test_who_logs_in_is_known(self, fetch_data, ada):
        assert fetch_data(ada, "{ me { username } }")["me"]["username"] == "ada"

    def test_a_refresh_token_is_good_once(self, fetch_codes, ada):
        query = f'mutation {{ refresh(refreshToken: "{ada.tokens["refresh"]}") {{ ok }} }}'
        assert [fetch_codes(ada, query) for _ in range(2)] == [[], ["UNAUTHENTICATED"]]

    def test_who_logs_out_is_not_known_any_more(self, fetch_data, run_query, ada):
        fetch_data(ada, "mutation { logout { ok } }")
        assert run_query(ada, "{ me { id } }").status_code == 401

    def test_who_registers_may_log_in(self, fetch_data, anonymous):
        words = 'username: "eve", email: "eve@shop.example", password: "correct horse"'
        made = fetch_data(
            anonymous, f"mutation {{ register({words}) {{ user {{ id username role can }} }} }}"
        )
        assert made["register"]["user"] == {"id": "User:1", "username": "eve", "role": "customer", "can": []}

    def test_the_password_is_nobodys_to_read(self, fetch_codes, customer):
        assert fetch_codes(customer, "{ me { password passwordHash } }") == ["GRAPHQL_VALIDATION_FAILED"] * 2
