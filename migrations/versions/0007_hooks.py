"""Hooks with their deliveries, steps of accounts, and the positions of what is distributed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Time = sa.DateTime(timezone=True)
NUMBERED, UNNUMBERED = sa.text("seq IS NOT NULL"), sa.text("seq IS NULL")
WAITING = sa.text("status = 'waiting'")


def upgrade() -> None:
    op.create_table(
        "user_steps",
        sa.Column("id", Id, nullable=False),
        sa.Column("seq", Id, nullable=True, server_default="0"),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("move", sa.String(20), nullable=False),
        sa.Column("by", Id, nullable=True),
        sa.Column("at", Time, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_steps_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_steps")),
    )
    op.create_index("ix_user_steps_user_id", "user_steps", ["user_id"])
    op.create_index("ix_user_steps_seq", "user_steps", ["seq"], unique=True, postgresql_where=NUMBERED)
    op.create_index(
        "ix_user_steps_waiting", "user_steps", ["id"], sqlite_where=UNNUMBERED, postgresql_where=UNNUMBERED
    )
    op.create_table(
        "hooks",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("description", sa.String(200), nullable=True),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("disabled_because", sa.String(100), nullable=True),
        sa.Column("failing_since", Time, nullable=True),
        sa.Column("signing_secret", sa.String(100), nullable=False),
        sa.Column("old_signing_secret", sa.String(100), nullable=True),
        sa.Column("rotated_at", Time, nullable=True),
        sa.Column("begins_after", sa.JSON(), nullable=False),
        sa.Column("lease", sa.String(32), nullable=True),
        sa.Column("free_at", Time, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN ('enabled', 'disabled')", name=op.f("ck_hooks_status")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_hooks_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hooks")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_hooks_user_id"), "hooks", ["user_id"])
    op.create_index(op.f("ix_hooks_status_free_at"), "hooks", ["status", "free_at"])
    op.create_table(
        "deliveries",
        sa.Column("id", Id, nullable=False),
        sa.Column("hook_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("message_id", sa.String(60), nullable=False),
        sa.Column("event", sa.String(30), nullable=False),
        sa.Column("subject_id", Id, nullable=False),
        sa.Column("is_for_staff", sa.Boolean(), nullable=False),
        sa.Column("happened_at", Time, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", Time, nullable=True),
        sa.Column("last_attempt_at", Time, nullable=True),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(100), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN ('waiting', 'delivered', 'failed')", name=op.f("ck_deliveries_status")),
        sa.ForeignKeyConstraint(
            ["hook_id"], ["hooks.id"], name=op.f("fk_deliveries_hook_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_deliveries_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sqlite_autoincrement=True,
    )
    for columns in (["hook_id", "status", "id"], ["user_id", "id"], ["created_at"]):
        op.create_index(op.f(f"ix_deliveries_{'_'.join(columns)}"), "deliveries", columns)
    op.create_index(
        op.f("ix_deliveries_hook_id_message_id"), "deliveries", ["hook_id", "message_id"], unique=True
    )
    due = ["hook_id", "next_attempt_at", "id"]
    op.create_index("ix_deliveries_due", "deliveries", due, sqlite_where=WAITING, postgresql_where=WAITING)
    op.create_table(
        "feed_positions",
        sa.Column("feed", sa.String(30), nullable=False),
        sa.Column("seq", Id, nullable=False),
        sa.PrimaryKeyConstraint("feed", name=op.f("pk_feed_positions")),
    )
    # What has happened before there were hooks is distributed to none.
    for feed in ("changes", "order_steps", "user_steps"):
        op.execute(
            f"INSERT INTO feed_positions SELECT '{feed}', coalesce(max(seq), 0) FROM {feed}"  # noqa: S608
        )


def downgrade() -> None:
    for table in ("feed_positions", "deliveries", "hooks", "user_steps"):
        op.drop_table(table)
