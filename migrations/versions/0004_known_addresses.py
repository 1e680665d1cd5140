"""The addresses that accounts have logged in from, and an index of each customer's unpaid orders.

Stored answers of registrations are deleted: their fingerprints were computed from bodies with passwords,
without a key. A repeated registration has no effect without them, because names are unique.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PLACED = sa.text("status = 'placed'")


def upgrade() -> None:
    op.create_table(
        "known_addresses",
        sa.Column("user_id", Id, nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_known_addresses_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "address", name=op.f("pk_known_addresses")),
    )
    op.create_index(
        "ix_orders_unpaid", "orders", ["user_id", "id"], sqlite_where=PLACED, postgresql_where=PLACED
    )
    op.execute("DELETE FROM replays WHERE user_id = 0")


def downgrade() -> None:
    op.drop_index("ix_orders_unpaid", "orders")
    op.drop_table("known_addresses")
