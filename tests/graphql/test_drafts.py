"""Drafts over GraphQL: the same as over REST, and one query for the lines of all drafts."""

import pytest
from sqlalchemy import event

START = "mutation { startDraft { draft { id } } }"
ADD = "mutation ($id: ID!, $product: ID!) { addToDraft(id: $id, productId: $product, quantity: 2) { draft { total items { name quantity } can } } }"


@pytest.fixture
def draft(fetch_data, customer, product) -> str:
    product("Walnut desk"), product("Brass lamp")
    id = fetch_data(customer, START)["startDraft"]["draft"]["id"]
    for number in (1, 2):
        fetch_data(customer, ADD, id=id, product=f"Product:{number}")
    return id


def test_a_draft_is_filled_and_placed(fetch_data, customer, draft):
    shown = fetch_data(
        customer, f'{{ draft(id: "{draft}") {{ total can items {{ productId unitPrice quantity }} }} }}'
    )["draft"]
    assert (len(shown["items"]), set(shown["can"])) == (2, {"add", "remove", "place", "delete"})
    placed = fetch_data(
        customer,
        f'mutation {{ placeDraft(id: "{draft}", total: {shown["total"]}) {{ order {{ total status }} }} }}',
    )
    assert placed["placeDraft"]["order"] == {"total": shown["total"], "status": "placed"}
    assert fetch_data(customer, f'{{ draft(id: "{draft}") {{ id }} }}')["draft"] is None


def test_a_draft_is_placed_once_for_one_key(fetch_data, customer, draft):
    place = f'mutation {{ placeDraft(id: "{draft}", idempotencyKey: "k") {{ order {{ id }} }} }}'
    answers = [fetch_data(customer, place)["placeDraft"] for _ in range(2)]
    assert answers[0] == answers[1]


def test_a_product_is_removed_and_a_draft_discarded(fetch_data, customer, draft):
    left = fetch_data(
        customer,
        f'mutation {{ removeFromDraft(id: "{draft}", productId: "1") {{ draft {{ items {{ name }} }} }} }}',
    )
    assert left["removeFromDraft"]["draft"]["items"] == [{"name": "Brass lamp"}]
    fetch_data(customer, f'mutation {{ deleteDraft(id: "{draft}") {{ ok }} }}')
    assert fetch_data(customer, "{ drafts { totalCount } }")["drafts"]["totalCount"] == 0


def test_another_total_than_that_of_now_is_refused(fetch_codes, customer, draft):
    assert fetch_codes(customer, f'mutation {{ placeDraft(id: "{draft}", total: 1) {{ ok }} }}') == [
        "CONFLICT"
    ]


def test_others_see_no_draft_of_mine(fetch_data, fetch_codes, staff, draft):
    assert fetch_data(staff, f'{{ draft(id: "{draft}") {{ id }} }}')["draft"] is None
    assert fetch_codes(staff, f'mutation {{ placeDraft(id: "{draft}") {{ ok }} }}') == ["NOT_FOUND"]


def test_the_lines_of_all_drafts_are_read_at_once(app, fetch_data, customer, draft):
    query = "{ drafts { nodes { total items { name product { stock } } } } }"
    counts = []
    for _ in range(2):
        statements = []

        def count(*args: object, seen: list = statements) -> None:
            seen.append(args[2])

        engine = app.extensions["shop"].engine
        event.listen(engine, "before_cursor_execute", count)
        fetch_data(customer, query)
        event.remove(engine, "before_cursor_execute", count)
        counts.append(len(statements))
        other = fetch_data(customer, START)["startDraft"]["draft"]["id"]
        fetch_data(customer, ADD, id=other, product="Product:1")
    assert counts[0] == counts[1]
