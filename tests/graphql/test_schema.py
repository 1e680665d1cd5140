"""The schema matches the declarations of the shop: no move, field or enum value is missing or invented."""

from pathlib import Path

import pytest
from graphql import GraphQLNonNull, build_schema, find_breaking_changes

from shop.domain.order import ORDER_STATES
from shop.domain.user import CUSTOMER
from shop.doors.graphql.conversions import to_camel_case
from shop.doors.graphql.mutations import MOVE_OF_MUTATION, get_mutation_name
from shop.doors.graphql.schema import SCHEMA, SDL, build_executable_schema
from shop.doors.grpc.errors import STATUS_CODES
from shop.doors.resources import RESOURCES
from shop.doors.rest.orders import ItemRepresentation, StepRepresentation
from shop.doors.rest.tokens import TokenRepresentation
from shop.hypermedia.links import MOVE_METHODS
from shop.hypermedia.problems import PROBLEM_TYPES
from shop.model.errors import DomainError
from shop.model.moves import STAFF, get_moves
from shop.services import orders, products
from tests.reviews import reviews

ROOT = Path(__file__).parent.parent.parent
REPRESENTATIONS = {
    **{each.kind.__name__: each.representation for each in RESOURCES},
    "OrderItem": ItemRepresentation,
    "OrderStep": StepRepresentation,
    "TokenPayload": TokenRepresentation,
}
# GraphQL has a schema instead of links, mutations instead of forms, and fields instead of embedded lists.
REST_ONLY = {"_links", "_templates", "_embedded"}
PAGING = {"page", "per_page"}


def get_arguments(name):
    return SCHEMA.mutation_type.fields[name].args


def get_enum_values(enum):
    return set(SCHEMA.type_map[enum].values)


each_move = pytest.mark.parametrize("name", MOVE_OF_MUTATION)


@each_move
def test_a_move_is_a_mutation_that_takes_its_shape(name):
    move = MOVE_OF_MUTATION[name][1]
    required = {
        to_camel_case(word): field.required and name[:6] != "update"
        for word, field in move.takes().fields.items()
    }
    required |= {} if move.is_creation else {"id": True, "etag": False}
    required |= {"idempotencyKey": False} if move.name not in MOVE_METHODS else {}
    arguments = {word: isinstance(each.type, GraphQLNonNull) for word, each in get_arguments(name).items()}
    assert arguments == required


@each_move
def test_a_mutation_is_described_by_the_title_of_its_move(name):
    assert SCHEMA.mutation_type.fields[name].description.startswith(MOVE_OF_MUTATION[name][1].title)


def test_there_is_no_other_mutation_but_to_come_and_go():
    assert set(SCHEMA.mutation_type.fields) == {*MOVE_OF_MUTATION, "login", "refresh", "logout"}


@pytest.mark.parametrize("kind", [each.kind for each in RESOURCES], ids=lambda kind: kind.__name__)
def test_can_names_every_move_of_a_kind(kind):
    assert get_enum_values(f"{kind.__name__}Move") == {
        move.name for move in get_moves(kind).values() if not move.is_creation
    }


def test_can_names_all_that_begins():
    begun = {
        get_mutation_name(resource, move)
        for resource in RESOURCES
        for move in get_moves(resource.kind).values()
        if move.is_creation
    }
    assert get_enum_values("ShopMove") == begun


@pytest.mark.parametrize("kind", REPRESENTATIONS)
def test_every_field_that_rest_shows_is_there(kind):
    shown = {
        to_camel_case(name.removeprefix("_")) for name in set(REPRESENTATIONS[kind]().fields) - REST_ONLY
    }
    assert shown - set(SCHEMA.type_map[kind].fields) == set()


@pytest.mark.parametrize(
    ("field", "search"), [("products", products.ProductSearch), ("orders", orders.OrderSearch)]
)
def test_a_list_may_be_narrowed_as_over_rest(field, search):
    expected = {to_camel_case(name) for name in set(search().fields) - PAGING} | {"first", "after"}
    assert set(SCHEMA.query_type.fields[field].args) == expected


@pytest.mark.parametrize(
    ("enum", "words"),
    [
        ("OrderStatus", ORDER_STATES),
        ("Role", (CUSTOMER, STAFF)),
        ("ProductSort", [to_camel_case(name) for name in products.SORT_COLUMNS]),
        ("Direction", ("asc", "desc")),
    ],
)
def test_an_enum_has_the_words_of_the_shop(enum, words):
    assert get_enum_values(enum) == set(words)


def collect_codes(kind):
    """Return the codes of all errors of the domain; a door may have further codes."""
    codes = {kind.code} if kind.__module__ == DomainError.__module__ else set()
    return codes.union(*(collect_codes(each) for each in kind.__subclasses__()))


def test_every_door_has_a_word_for_every_refusal():
    codes = collect_codes(DomainError) - {DomainError.code}
    assert (codes - set(STATUS_CODES), codes - set(PROBLEM_TYPES)) == (set(), set())


def test_nothing_is_left_unsaid_about_money_and_dates():
    assert all(SCHEMA.type_map[name].description for name in ("Money", "DateTime"))


def test_members_are_told_what_each_may_begin(fetch_data, anonymous, customer, staff):
    can = [set(fetch_data(who, "{ shop { can } }")["shop"]["can"]) for who in (anonymous, customer, staff)]
    members = {"register", "placeOrder", "startDraft", "createHook"}
    assert can == [{"register"}, members, {*members, "createProduct"}]


def test_can_is_what_the_links_offer(fetch_data, customer, staff, product):
    id = product()
    links = [set(who.get(f"/api/v1/products/{id}").json["_links"]) for who in (customer, staff)]
    can = [
        set(fetch_data(who, f"{{ product(id: {id}) {{ can }} }}")["product"]["can"])
        for who in (customer, staff)
    ]
    assert can == [each & set(get_moves(RESOURCES[0].kind)) for each in links]


# ---- Breaking changes


def find_breaks(before, after):
    return [change.description for change in find_breaking_changes(build_schema(before), build_schema(after))]


def test_a_change_that_breaks_clients_is_said_in_the_changelog():
    landed = (Path(__file__).parent / "landed.graphql").read_text()
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert [each for each in find_breaks(landed, SDL) if each.rstrip(".") not in changelog] == []


def test_what_is_taken_away_is_noticed():
    assert find_breaks(SDL, SDL.replace("  inStock: Boolean\n", "")) == [
        "Argument Query.products(inStock:) was removed."
    ]


# ---- A new kind of entity

REVIEW_TYPES = """
type Review implements Node { id: ID! productId: ID! product: Product text: String! etag: String! can: [ReviewMove!]! }
enum ReviewMove { publish hide }
type ReviewPayload { review: Review! ok: Boolean! }
type ReviewConnection { edges: [ReviewEdge!]! nodes: [Review!]! pageInfo: PageInfo! totalCount: Int! }
type ReviewEdge { cursor: String! node: Review! }
extend type Query { review(id: ID!): Review }
extend type Mutation {
  createReview(productId: ID!, text: String!, idempotencyKey: String): ReviewPayload
  publish(id: ID!, etag: String, idempotencyKey: String): ReviewPayload
  hide(id: ID!, etag: String, idempotencyKey: String): ReviewPayload
}
"""
REVIEW_LIST = "extend type Query { reviews(first: Int! = 20, after: String): ReviewConnection }"


def test_a_new_kind_needs_nothing_but_its_words():
    schema = build_executable_schema(SDL + REVIEW_TYPES + REVIEW_LIST, [*RESOURCES, reviews])
    assert all(
        field.resolve
        for name in ("Review", "ReviewPayload", "ReviewConnection")
        for field in schema.type_map[name].fields.values()
    )


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (SDL, "Mutation.createReview, .*Query.review, Query.reviews, Review.id, .*ReviewPayload.review"),
        (SDL + REVIEW_LIST + REVIEW_TYPES.replace("can: [ReviewMove!]!", ""), "Review.can$"),
        (SDL + REVIEW_LIST + REVIEW_TYPES.replace("hide(", "conceal("), "Mutation.hide$"),
    ],
)
def test_a_new_kind_without_its_words_is_noticed_when_the_schema_is_built(words, missing):
    with pytest.raises(LookupError, match=missing):
        build_executable_schema(words, [*RESOURCES, reviews])
