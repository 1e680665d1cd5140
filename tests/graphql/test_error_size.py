"""The errors of a wrong request are short and come quickly, even if the request is long."""

import json

import pytest
from graphql import GraphQLError, get_introspection_query

from shop.doors.graphql.endpoint import MAX_VARIABLE_VALUES
from shop.doors.graphql.errors import serialize_execution_errors
from tests.graphql.test_limits import read_remaining
from tests.timing import measure_seconds

ORDER = "mutation($l: [LineInput!]!) { placeOrder(items: $l) { ok } }"
LINE = {"productId": 1, "quantity": 1}
# The largest answer to a wrong request: 21 errors with their messages and places.
LARGEST = 12_000


@pytest.mark.parametrize(
    "lines",
    [
        [{}] * 60_000,
        [{}] * (MAX_VARIABLE_VALUES - 10),
        [{"quantityy" * 3: 1}] * 4000,
        [{**LINE, **{f"member{n}": 1 for n in range(MAX_VARIABLE_VALUES - 10)}}],
        [{**LINE, "m" * 800_000: 1}],
        [{"productId": 1, "quantity": "x" * 800_000}],
        [{"productId": "x", "quantity": 0}] * 3000,
    ],
    ids=["empty", "fewer-empty", "misspelled", "unknown", "long-name", "long-value", "wrong"],
)
def test_wrong_variables_are_refused_quickly_and_in_short(run_query, customer, lines):
    assert measure_seconds(lambda: run_query(customer, ORDER, l=lines), 0.5) < 0.5
    answer = run_query(customer, ORDER, l=lines)
    assert ("errors" in answer.json, len(answer.data) < LARGEST) == (True, True)


@pytest.mark.parametrize(
    ("kind", "argument"), [("ProductSort!", "sort"), ("Int!", "first"), ("Money", "minPrice")]
)
def test_a_long_value_is_not_repeated(run_query, anonymous, kind, argument):
    query = f"query($value: {kind}) {{ products({argument}: $value) {{ totalCount }} }}"
    assert len(run_query(anonymous, query, value="x" * 500_000).data) < LARGEST


@pytest.mark.parametrize(
    "query",
    [
        "{ " + "x" * 19_000 + " }",
        "{ " + " ".join("x" * 900 + str(n) for n in range(20)) + " }",
        "{ shop { name } "
        + " ".join(f"a: products(first: {n}) {{ totalCount }}" for n in range(1, 20))
        + " }",
        "query(" + " ".join(f"$v{n}: Int" for n in range(150)) + ") { shop { name } }",
        '{ products(q: "' + "x" * 19_000,
    ],
    ids=["long-field", "long-fields", "conflicts", "unused-variables", "unclosed"],
)
def test_a_wrong_document_is_answered_in_short(run_query, anonymous, query):
    assert len(run_query(anonymous, query).data) < LARGEST


def test_what_was_left_out_is_said(run_query, anonymous):
    errors = run_query(anonymous, "{ " + " ".join(f"x{n}" for n in range(50)) + " }").json["errors"]
    assert (len(errors), errors[-1]["message"].startswith("Too many")) == (21, True)


def test_an_alias_is_short_because_an_answer_repeats_it(run_query, anonymous):
    longest, longer = ("{ " + "a" * length + ": shop { name } }" for length in (100, 101))
    assert [run_query(anonymous, query).status_code for query in (longest, longer)] == [200, 400]


def test_many_failures_of_one_answer_are_told_in_part():
    errors = serialize_execution_errors([GraphQLError("There was nothing.")] * 60)
    assert (len(errors), errors[-1]["message"]) == (51, "There are more errors than these 50.")


class TestQuestionsAboutTheSchema:
    INNER = "{ types { name fields { name args { name type { name kind } } type { name kind } } } }"

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"input_value_deprecation": True, "specified_by_url": True, "schema_description": True},
            {"descriptions": False},
        ],
    )
    def test_as_tools_ask_them_cost_a_few_requests(self, run_query, anonymous, options):
        before = read_remaining(run_query(anonymous, "{ shop { name } }"))
        answer = run_query(anonymous, get_introspection_query(**options))
        assert (answer.status_code, 1 < before - read_remaining(answer) <= 6) == (200, True)

    def test_many_times_over_are_refused(self, run_query, anonymous):
        query = get_introspection_query()
        head, tail = query.split("fragment FullType", 1)
        inner = head[head.index("__schema") + len("__schema") :].rstrip().removesuffix("}")
        aliases = " ".join(f"a{n}: __schema {{ ...S }}" for n in range(25))
        document = f"{{ {aliases} }} fragment S on __Schema {inner} fragment FullType{tail}"
        message = run_query(anonymous, document).json["errors"][0]["message"]
        assert message.startswith("The cost of this operation is")

    def test_cost_what_they_bring(self, run_query, anonymous):
        lefts = [
            read_remaining(
                run_query(
                    anonymous, "{ " + " ".join(f"a{n}: __schema {self.INNER}" for n in range(count)) + " }"
                )
            )
            for count in (1, 8)
        ]
        assert lefts[0] - lefts[1] >= 8

    def test_of_one_type_are_taken_for_the_largest(self, run_query, anonymous):
        one = '{ __type(name: "Mutation") { fields { name args { name type { name } } } } }'
        many = "{ " + " ".join(f"a{n}: " + one[2:-2] for n in range(20)) + " }"
        lefts = [read_remaining(run_query(anonymous, query)) for query in (one, many)]
        assert lefts[0] - lefts[1] >= 10


def test_variables_by_get_are_bounded_too(anonymous):
    words = json.dumps({"l": [1] * (MAX_VARIABLE_VALUES + 1)})
    answer = anonymous.get("/graphql", query_string={"query": "{ shop { name } }", "variables": words})
    assert "more than" in answer.json["errors"][0]["message"]
