"""The number of products, kept by triggers; an index of their words; sort indexes without retired products.

The migration does not index the words of a large catalogue; searches do that (shop/services/search.py).
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SORTED = ("name_key", "price", "stock", "created_at")
LIVE = sa.text("retired_at IS NULL")

SQLITE = (
    # Triggers may not write to it, because `trusted_schema` is off, in the previous version too.
    """CREATE VIRTUAL TABLE kept_words
       USING fts5 (words, tokenize = 'trigram case_sensitive 1', columnsize = 0)""",
    """CREATE TABLE kept_words_late (seq INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL)""",
    """CREATE TABLE kept_total (products INTEGER NOT NULL)""",
    """CREATE TRIGGER kept_total_insert AFTER INSERT ON products WHEN new.retired_at IS NULL
       BEGIN UPDATE kept_total SET products = products + 1; END""",
    """CREATE TRIGGER kept_total_delete AFTER DELETE ON products WHEN old.retired_at IS NULL
       BEGIN UPDATE kept_total SET products = products - 1; END""",
    """CREATE TRIGGER kept_total_update AFTER UPDATE OF retired_at ON products
       BEGIN UPDATE kept_total SET products = products + (new.retired_at IS NULL) - (old.retired_at IS NULL)
             WHERE (new.retired_at IS NULL) <> (old.retired_at IS NULL); END""",
    """CREATE TRIGGER kept_words_insert AFTER INSERT ON products
       BEGIN INSERT INTO kept_words_late (id) VALUES (new.id); END""",
    """CREATE TRIGGER kept_words_delete AFTER DELETE ON products
       BEGIN INSERT INTO kept_words_late (id) VALUES (old.id); END""",
    """CREATE TRIGGER kept_words_update AFTER UPDATE OF id, words, retired_at ON products
       WHEN (old.id, old.words, old.retired_at) IS NOT (new.id, new.words, new.retired_at)
       BEGIN INSERT INTO kept_words_late (id) SELECT old.id UNION SELECT new.id; END""",
)

POSTGRESQL = (
    """CREATE TABLE kept_words (
           rowid bigint CONSTRAINT pk_kept_words PRIMARY KEY, words text COLLATE "C" NOT NULL)""",
    """CREATE TABLE kept_words_late (
           seq bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_kept_words_late PRIMARY KEY,
           id bigint NOT NULL)""",
    # The sum of its rows is the total. Each write adds a row, so that no transaction waits for another.
    # Before its first row, a transaction merges the rows that are not locked; only once, because the merged
    # rows stay locked until it ends.
    """CREATE TABLE kept_total (products integer NOT NULL)""",
    """CREATE FUNCTION kept_total_gather() RETURNS void LANGUAGE sql AS $$
           WITH gone AS (DELETE FROM kept_total WHERE ctid = ANY (ARRAY(
                             SELECT ctid FROM kept_total FOR UPDATE SKIP LOCKED)) RETURNING products)
           INSERT INTO kept_total SELECT sum(products) FROM gone HAVING count(*) > 0 $$""",
    """CREATE FUNCTION kept_total_add(more bigint) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
           IF coalesce(current_setting('kept.gathered', true), '') = '' THEN
               PERFORM set_config('kept.gathered', 'yes', true), kept_total_gather();
           END IF;
           IF more <> 0 THEN INSERT INTO kept_total VALUES (more); END IF; END $$""",
    """CREATE FUNCTION kept_rows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           PERFORM kept_total_add((CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END)
                                  * (SELECT count(*) FROM touched WHERE retired_at IS NULL));
           INSERT INTO kept_words_late (id) SELECT id FROM touched;
           RETURN NULL; END $$""",
    """CREATE FUNCTION kept_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           PERFORM kept_total_add((NEW.retired_at IS NULL)::int - (OLD.retired_at IS NULL)::int);
           INSERT INTO kept_words_late (id) SELECT OLD.id UNION SELECT NEW.id;
           RETURN NULL; END $$""",
    """CREATE FUNCTION kept_nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           DELETE FROM kept_total; DELETE FROM kept_words; DELETE FROM kept_words_late;
           RETURN NULL; END $$""",
    """CREATE TRIGGER kept_insert AFTER INSERT ON products REFERENCING NEW TABLE AS touched
           FOR EACH STATEMENT EXECUTE FUNCTION kept_rows()""",
    """CREATE TRIGGER kept_delete AFTER DELETE ON products REFERENCING OLD TABLE AS touched
           FOR EACH STATEMENT EXECUTE FUNCTION kept_rows()""",
    # A change of only the stock does not fire this trigger.
    """CREATE TRIGGER kept_update AFTER UPDATE OF id, words, retired_at ON products FOR EACH ROW
           WHEN ((OLD.id, OLD.words, OLD.retired_at) IS DISTINCT FROM (NEW.id, NEW.words, NEW.retired_at))
           EXECUTE FUNCTION kept_row()""",
    """CREATE TRIGGER kept_truncate AFTER TRUNCATE ON products
           FOR EACH STATEMENT EXECUTE FUNCTION kept_nothing()""",
)
FUNCTIONS = ("kept_rows", "kept_row", "kept_nothing", "kept_total_add", "kept_total_gather")


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE if sqlite else POSTGRESQL:
        op.execute(statement)
    if not sqlite and may_have_trigrams():
        op.execute("CREATE INDEX ix_kept_words_words ON kept_words USING gin (words gin_trgm_ops)")
    op.execute("INSERT INTO kept_total SELECT count(*) FROM products WHERE retired_at IS NULL")
    op.execute("INSERT INTO kept_words_late (id) SELECT id FROM products ORDER BY id")
    for column in SORTED:
        op.create_index(f"ix_products_live_{column}", "products", [column, "id"], if_not_exists=True,
                        sqlite_where=LIVE, postgresql_where=LIVE)  # fmt: skip
    for column in SORTED:
        op.drop_index(f"ix_products_{column}_id", "products")


def may_have_trigrams() -> bool:
    """Create the extension if the server has it and this user may create it; return whether it exists."""
    bind = op.get_bind()
    if not bind.scalar(sa.text("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'")):
        return False
    try:
        with bind.begin_nested():
            bind.execute(sa.text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
    except sa.exc.ProgrammingError:
        return False
    return True


def downgrade() -> None:
    for column in SORTED:
        op.create_index(f"ix_products_{column}_id", "products", [column, "id"])
        op.drop_index(f"ix_products_live_{column}", "products")
    if op.get_bind().dialect.name == "sqlite":
        for name in ("total", "words"):
            for event in ("insert", "delete", "update"):
                op.execute(f"DROP TRIGGER kept_{name}_{event}")
    else:
        op.execute(f"DROP FUNCTION {', '.join(FUNCTIONS)} CASCADE")
    for name in ("kept_total", "kept_words_late", "kept_words"):
        op.execute(f"DROP TABLE {name}")
