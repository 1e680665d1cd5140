"""Numbers of changes and steps apart from their ids, so that they can be given after the commit.

The version before names no number. Its rows get the default 0, which a trigger replaces at once, and it
reads changes by the same numbers as this one. The next version drops the default and the triggers.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

# Writers insert steps before changes; in this order the migration waits for them without a deadlock.
FEEDS = ("order_steps", "changes")
NUMBERED, WAITING = sa.text("seq IS NOT NULL"), sa.text("seq IS NULL")

SQLITE_TRIGGER = """CREATE TRIGGER number_{table} AFTER INSERT ON {table} WHEN new.seq = 0
    BEGIN UPDATE {table} SET seq = (SELECT max(seq) + 1 FROM {table}) WHERE id = new.id; END"""

# No number is smaller than the id, because the version before uses ids of steps as cursors.
NUMBER_ALL = """UPDATE {table} SET seq = greatest(waiting.id, newest.seq + waiting.place)
    FROM unnest(ARRAY(SELECT id FROM {table} WHERE seq IS NULL ORDER BY id))
             WITH ORDINALITY AS waiting (id, place),
         (SELECT coalesce(max(seq), 0) AS seq FROM {table}) AS newest
    WHERE {table}.id = waiting.id"""

# The rows that wait come first, so that the changes of one product keep their order.
FUNCTION = f"""CREATE FUNCTION number_{{table}}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_advisory_xact_lock({0x5409});
    {NUMBER_ALL};
    NEW.seq := (SELECT greatest(NEW.id, coalesce(max(seq), 0) + 1) FROM {{table}});
    RETURN NEW; END $$"""  # noqa: S608
POSTGRESQL_TRIGGER = """CREATE TRIGGER number_{table} BEFORE INSERT ON {table} FOR EACH ROW
    WHEN (NEW.seq = 0) EXECUTE FUNCTION number_{table}()"""


def is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def upgrade() -> None:
    for table in FEEDS:
        if table == "changes":
            op.execute("ALTER TABLE changes RENAME COLUMN seq TO id")
        if is_sqlite():
            op.execute(f"ALTER TABLE {table} ADD COLUMN seq INTEGER DEFAULT 0")
            op.execute(f"UPDATE {table} SET seq = id")  # noqa: S608
            op.execute(SQLITE_TRIGGER.format(table=table))
        else:
            # Copies the table once, with the numbers; an UPDATE would leave all old rows behind.
            op.execute(f"ALTER TABLE {table} ADD COLUMN seq bigint GENERATED ALWAYS AS (id) STORED")
            op.execute(f"ALTER TABLE {table} ALTER COLUMN seq DROP EXPRESSION")
            op.execute(f"ALTER TABLE {table} ALTER COLUMN seq SET DEFAULT 0")
            op.execute(FUNCTION.format(table=table))
            op.execute(POSTGRESQL_TRIGGER.format(table=table))
        op.create_index(f"ix_{table}_seq", table, ["seq"], unique=True, postgresql_where=NUMBERED)
        op.create_index(f"ix_{table}_waiting", table, ["id"], sqlite_where=WAITING, postgresql_where=WAITING)
    if not is_sqlite():
        op.execute("ALTER SEQUENCE changes_seq_seq RENAME TO changes_id_seq")


def downgrade() -> None:
    for table in FEEDS:
        if is_sqlite():
            op.execute(f"DROP TRIGGER number_{table}")
        else:
            op.execute(f"LOCK TABLE {table}")
            op.execute(NUMBER_ALL.format(table=table))
            op.execute(f"DROP FUNCTION number_{table} CASCADE")
        op.drop_index(f"ix_{table}_waiting", table)
        op.drop_index(f"ix_{table}_seq", table)
    op.execute("ALTER TABLE order_steps DROP COLUMN seq")
    if is_sqlite():
        op.execute("UPDATE changes SET id = seq WHERE id <> seq")
        op.execute("ALTER TABLE changes DROP COLUMN seq")
        op.execute("ALTER TABLE changes RENAME COLUMN id TO seq")
    else:
        op.execute("ALTER SEQUENCE changes_id_seq RENAME TO changes_seq_seq")
        op.execute("ALTER SEQUENCE changes_seq_seq OWNED BY changes.seq")
        op.execute("ALTER TABLE changes ALTER COLUMN seq SET DEFAULT nextval('changes_seq_seq')")
        op.execute("SELECT setval('changes_seq_seq', coalesce(max(seq), 0) + 1, false) FROM changes")
        op.execute("ALTER TABLE changes DROP COLUMN id")  # and with it the primary key
        op.execute("ALTER TABLE changes ADD CONSTRAINT pk_changes PRIMARY KEY (seq)")
