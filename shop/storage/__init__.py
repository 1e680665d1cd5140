"""Transactions, pages, idempotency, the change log and timeouts. Knows no use case."""
