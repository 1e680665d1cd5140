"""The steps of the database: which it is at, and which it should be at."""

from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from shop.model.entity import Base

TRIGGER_QUERIES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
}
# Those that keep the total and note whose words have changed; without one of them, answers would be wrong.
REQUIRED_TRIGGERS = {
    "sqlite": {
        f"kept_{what}_{when}" for what in ("total", "words") for when in ("insert", "update", "delete")
    },
    "postgresql": {f"kept_{when}" for when in ("insert", "update", "delete", "truncate")},
}


def list_revisions(folder: Path) -> list[str]:
    """All that this version knows, newest first."""
    return [step.revision for step in ScriptDirectory(str(folder)).walk_revisions()]


def get_revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def describe_lag(revision: str | None, known_revisions: list[str]) -> str | None:
    """How far behind it is; a step that only a newer version knows is no harm (docs/migrations.md)."""
    if revision == known_revisions[0] or (revision and revision not in known_revisions):
        return None
    return f"at step {revision or 'none'}, not {known_revisions[0]}"


def is_model_table(name: str | None, kind: str, _: Any = None) -> bool:
    """Whether a table is one of the models; triggers keep the others."""
    return kind != "table" or not str(name).startswith("kept_")


def list_triggers(connection: Connection) -> set[str]:
    return {*connection.scalars(text(TRIGGER_QUERIES[connection.dialect.name]))}


def find_drift(engine: Engine) -> list[str]:
    """What somebody changed by hand: all that would make the tables again what the models say."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_model_table})
        missing_triggers = REQUIRED_TRIGGERS[connection.dialect.name] - list_triggers(connection)
        return [
            *(f"lost_trigger {name}" for name in sorted(missing_triggers)),
            *map(describe_change, compare_metadata(context, Base.metadata)),
        ]


def describe_change(change: Any) -> str:
    parts = change[0] if isinstance(change, list) else change
    return " ".join(str(getattr(part, "name", part)) for part in parts[:4] if part is not None)
