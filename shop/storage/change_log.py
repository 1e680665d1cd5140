"""Numbers of a log that is read by cursor: they become visible in their order.

A reader with a cursor must never find a smaller number than its last. So a number is given under a lock
that is kept until the commit, as late as possible. SQLite has one writer, and needs no lock.
"""

from sqlalchemy import Connection, text

CHANNEL, LOCK_ID = "shop_changes", 0x5409
LOCK_AND_NOTIFY = text(f"SELECT pg_advisory_xact_lock({LOCK_ID}), pg_notify('{CHANNEL}', '')")


def lock_change_numbers(connection: Connection) -> None:
    """Become the next whose rows readers see. Lock nothing after this, or two could wait for each other."""
    if connection.dialect.name == "postgresql":
        connection.execute(LOCK_AND_NOTIFY)
