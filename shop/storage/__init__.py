"""Transactions, pages, idempotency, the change log and timeouts; independent of use cases."""
