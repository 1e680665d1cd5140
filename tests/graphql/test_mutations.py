"""What is particular to changes at this door: several in one document, keys, tags, coming and going."""

import pytest

from shop.storage.idempotency import Replay

LINES = '[{productId: "Product:1", quantity: 1}]'
PLACE = f'placeOrder(items: {LINES}, idempotencyKey: "k")'


def replayed(answer):
    return answer.json.get("extensions", {}).get("replayed")


def test_an_answer_that_was_given_before_says_so(ask, customer, product):
    product()
    answers = [ask(customer, f"mutation {{ mine: {PLACE} {{ order {{ id }} }} }}") for _ in range(2)]
    assert [replayed(answer) for answer in answers] == [None, ["mine"]]


def test_the_same_answer_is_given_though_the_world_went_on(ask, customer, staff, product):
    product()
    query = f"mutation {{ {PLACE} {{ order {{ status can items {{ product {{ stock }} }} }} }} }}"
    first = ask(customer, query).json["data"]
    ask(staff, 'mutation { pay(id: 1, reference: "x") { ok } restock(id: 1, amount: 9) { ok } }')
    assert ask(customer, query).json["data"] == first


@pytest.mark.parametrize(
    "query", [f"mutation {{ {PLACE} {{ ok }} }}", f"mutation {{ other: {PLACE} {{ order {{ id }} }} }}"]
)
def test_who_wants_to_know_something_else_asks_another_thing(ask, codes, customer, product, query):
    product()
    ask(customer, f"mutation {{ {PLACE} {{ order {{ id }} }} }}")
    assert codes(customer, query) == ["REUSED"]


def test_the_key_of_one_door_is_not_for_the_other(customer, codes, product):
    product()
    order = {"items": [{"product_id": 1, "quantity": 1}]}
    customer.post("/api/v1/orders", order, headers={"Idempotency-Key": "k"})
    assert codes(customer, f"mutation {{ {PLACE} {{ ok }} }}") == ["REUSED"]


def test_each_mutation_of_a_document_has_its_own_key(data, staff, product):
    product(stock=0)
    query = """mutation {
        a: restock(id: 1, amount: 1, idempotencyKey: "a") { product { stock } }
        b: restock(id: 1, amount: 2, idempotencyKey: "b") { product { stock } }
    }"""
    first, second = (data(staff, query) for _ in range(2))
    assert ([each["product"]["stock"] for each in first.values()], first == second) == ([1, 3], True)


def test_mutations_are_made_one_after_the_other(data, staff, product):
    product(stock=2)
    made = data(staff, """mutation {
        first: buy(id: 1, quantity: 1) { order { id items { product { stock } } } }
        then: buy(id: 1, quantity: 1) { order { id items { product { stock } } } }
    }""")  # fmt: skip
    assert [each["order"]["items"][0]["product"]["stock"] for each in made.values()] == [1, 0]


def test_what_could_not_be_answered_whole_was_not_done(ask, customer, product, session, monkeypatch):
    product()

    def broken(*_):
        raise RuntimeError

    monkeypatch.setattr("shop.doors.graphql.resolvers.fetch_steps_of_orders", broken)
    ask(customer, f"mutation {{ {PLACE} {{ order {{ history {{ by }} }} }} }}")
    assert (customer.get("/api/v1/orders").json["total"], session.query(Replay).count()) == (0, 0)


@pytest.mark.parametrize("key", ["null", '""', '"a b"'])
def test_a_key_is_a_plain_string_or_not_there(codes, customer, product, key):
    product()
    found = codes(customer, f"mutation {{ buy(id: 1, quantity: 1, idempotencyKey: {key}) {{ ok }} }}")
    assert found == ([] if key == "null" else ["BAD_USER_INPUT"])


def test_a_key_may_be_a_variable_that_nobody_gave(data, customer, product):
    product()
    query = "mutation($k: String) { buy(id: 1, quantity: 1, idempotencyKey: $k) { order { id } } }"
    made = [data(customer, query)["buy"]["order"]["id"] for _ in range(2)]
    assert made == ["Order:1", "Order:2"]


@pytest.mark.parametrize("etag", ["1-1", '\\"1-1\\"', '\\"0-0\\", \\"1-1\\"', "*"])
def test_an_etag_may_be_spelled_as_over_http(codes, staff, product, etag):
    product()
    assert codes(staff, f'mutation {{ restock(id: 1, amount: 1, etag: "{etag}") {{ ok }} }}') == []


def test_a_stale_etag_is_answered_with_the_present_one(ask, staff, product):
    product()
    wrong = ask(staff, 'mutation { restock(id: 1, amount: 1, etag: "1-9") { ok } }').json["errors"][0]
    assert (wrong["extensions"]["code"], wrong["extensions"]["etag"]) == ("STALE", "1-1")


@pytest.mark.parametrize(("etag", "found"), [("", ["PRECONDITION_REQUIRED"]), (', etag: "1-1"', [])])
def test_where_a_version_must_be_named_it_must_be_named_here_too(
    variant, person, codes, product, etag, found
):
    product()
    who = person("ida", "staff", at=variant(require_if_match="on"))
    assert codes(who, f"mutation {{ restock(id: 1, amount: 1{etag}) {{ ok }} }}") == found


@pytest.mark.parametrize("price", ["2499.99", '"2499.99"', "$p"])
def test_money_is_a_number_or_its_text(data, staff, price):
    query = f'mutation($p: Money = 2499.99) {{ createProduct(name: "Mug", price: {price}) {{ product {{ price }} }} }}'
    assert data(staff, query if "$" in price else query.replace("($p: Money = 2499.99)", "")) == {
        "createProduct": {"product": {"price": 2499.99}}
    }


@pytest.mark.parametrize("price", ["true", '"1e3"', '"12,50"', "{}", "[1, 2]"])
def test_what_is_no_money_is_refused(codes, staff, price):
    query = f'mutation {{ createProduct(name: "Mug", price: {price}) {{ ok }} }}'
    assert codes(staff, query) == ["GRAPHQL_VALIDATION_FAILED"]


@pytest.mark.parametrize("id", ["1", '"1"', '"Product:1"'])
def test_an_id_is_a_number_or_says_of_what(data, anonymous, product, id):
    product()
    assert data(anonymous, f"{{ product(id: {id}) {{ id }} }}")["product"]["id"] == "Product:1"


@pytest.mark.parametrize("id", ["User:1", "x", "0", "-1", "Product:", "1" * 30, "Product:1\\n"])
def test_what_is_the_id_of_nothing_finds_nothing(data, anonymous, product, id):
    product()
    assert data(anonymous, f'{{ product(id: "{id}") {{ id }} node(id: "Order:x") {{ id }} }}') == {
        "product": None, "node": None,
    }  # fmt: skip


def test_a_node_is_found_by_the_id_it_has(data, customer, product):
    product()
    placed = data(customer, f"mutation {{ {PLACE} {{ order {{ id }} }} }}")["placeOrder"]["order"]
    found = data(customer, "query($id: ID!) { node(id: $id) { __typename id } }", id=placed["id"])
    assert found["node"] == {"__typename": "Order", "id": placed["id"]}


class TestComingAndGoing:
    LOGIN = 'mutation { login(username: "ada", password: "walnut-and-brass") { accessToken refreshToken userId } }'

    @pytest.fixture
    def ada(self, data, anonymous, customer):
        pair = data(anonymous, self.LOGIN)["login"]
        anonymous.tokens = {"access_token": pair["accessToken"], "refresh": pair["refreshToken"]}
        return anonymous

    def test_who_logs_in_is_known(self, data, ada):
        assert data(ada, "{ me { username } }")["me"]["username"] == "ada"

    def test_a_refresh_token_is_good_once(self, codes, ada):
        query = f'mutation {{ refresh(refreshToken: "{ada.tokens["refresh"]}") {{ ok }} }}'
        assert [codes(ada, query) for _ in range(2)] == [[], ["UNAUTHENTICATED"]]

    def test_who_logs_out_is_not_known_any_more(self, data, ask, ada):
        data(ada, "mutation { logout { ok } }")
        assert ask(ada, "{ me { id } }").status_code == 401

    def test_who_registers_may_log_in(self, data, anonymous):
        words = 'username: "eve", email: "eve@shop.example", password: "correct horse"'
        made = data(anonymous, f"mutation {{ register({words}) {{ user {{ id username role can }} }} }}")
        assert made["register"]["user"] == {"id": "User:1", "username": "eve", "role": "customer", "can": []}

    def test_the_password_is_nobodys_to_read(self, codes, customer):
        assert codes(customer, "{ me { password passwordHash } }") == ["GRAPHQL_VALIDATION_FAILED"] * 2
