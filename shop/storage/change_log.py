"""Numbers for a log that is read by cursor: rows must become visible in the order of their numbers.

A reader must never miss a row with a smaller number than its cursor. So numbers are assigned as late as
possible, under a lock that is held until the commit. SQLite has a single writer and needs no lock.
"""

from sqlalchemy import Connection, text

CHANNEL, LOCK_ID = "shop_changes", 0x5409
LOCK_AND_NOTIFY = text(f"SELECT pg_advisory_xact_lock({LOCK_ID}), pg_notify('{CHANNEL}', '')")


def lock_change_numbers(connection: Connection) -> None:
    """Take the lock for numbering; take no other lock after it, because that could cause a deadlock."""
    if connection.dialect.name == "postgresql":
        connection.execute(LOCK_AND_NOTIFY)
