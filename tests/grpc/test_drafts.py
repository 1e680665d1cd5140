"""Drafts over gRPC: the same as over REST."""

import pytest

from tests.grpc_client import CallError


@pytest.fixture
def draft(grpc_client, customer_token, lamp) -> int:
    id = grpc_client.call("StartDraft", customer_token).draft.id
    grpc_client.call("AddToDraft", customer_token, id=id, product_id=lamp, quantity=2)
    return id


def test_a_draft_is_filled_and_placed(grpc_client, customer_token, draft, lamp):
    shown = grpc_client.call("GetDraft", customer_token, id=draft).draft
    assert ([(item.product_id, item.quantity) for item in shown.items], set(shown.can)) == (
        [(lamp, 2)],
        {"add", "remove", "place", "delete"},
    )
    order = grpc_client.call("PlaceDraft", customer_token, id=draft, total=shown.total, etag=shown.etag).order
    assert order.total == shown.total
    with pytest.raises(CallError, match="NOT_FOUND"):
        grpc_client.call("GetDraft", customer_token, id=draft)


def test_a_draft_is_placed_once_for_one_request_id(grpc_client, customer_token, draft):
    orders = [
        grpc_client.call("PlaceDraft", customer_token, id=draft, request_id="one").order for _ in range(2)
    ]
    assert orders[0] == orders[1]


def test_a_product_is_removed_and_a_draft_discarded(grpc_client, customer_token, draft, lamp):
    left = grpc_client.call("RemoveFromDraft", customer_token, id=draft, product_id=lamp).draft
    assert [*left.items] == []
    before = grpc_client.call("ListDrafts", customer_token).total_size
    grpc_client.call("DeleteDraft", customer_token, id=draft)
    assert grpc_client.call("ListDrafts", customer_token).total_size == before - 1


def test_an_empty_draft_cannot_be_placed(grpc_client, customer_token):
    id = grpc_client.call("StartDraft", customer_token).draft.id
    with pytest.raises(CallError, match="FAILED_PRECONDITION"):
        grpc_client.call("PlaceDraft", customer_token, id=id)
