"""The migration state of the database: its revision, the known revisions and schema drift.

A server asks for its revision at each readiness check. That needs nothing of Alembic, which takes ten MiB.
"""

import re
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text

from shop.model.entity import Base

REVISION = re.compile(r'^revision = "(\w+)"', re.MULTILINE)
TRIGGER_QUERIES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
}
# The triggers that maintain the total and the word index; without them, searches would return wrong results.
REQUIRED_TRIGGERS = {
    "sqlite": {
        f"kept_{what}_{when}" for what in ("total", "words") for when in ("insert", "update", "delete")
    },
    "postgresql": {f"kept_{when}" for when in ("insert", "update", "delete", "truncate")},
}


def list_revisions(folder: Path) -> list[str]:
    """Return the revisions that this version knows, newest first."""
    files = sorted(Path(folder, "versions").glob("*.py"), reverse=True)  # their names begin with their number
    return [found[1] for file in files if (found := REVISION.search(file.read_text()))]


def get_revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.scalar(text("SELECT version_num FROM alembic_version"))


def describe_lag(revision: str | None, known_revisions: list[str]) -> str | None:
    """Return how far the schema is behind, or None; newer revisions are compatible (docs/migrations.md)."""
    if revision == known_revisions[0] or (revision and revision not in known_revisions):
        return None
    return f"at step {revision or 'none'}, not {known_revisions[0]}"


def is_model_table(name: str | None, kind: str, _: Any = None) -> bool:
    """Whether a table belongs to a model; the others are maintained by triggers."""
    return kind != "table" or not str(name).startswith("kept_")


def list_triggers(connection: Connection) -> set[str]:
    return {*connection.scalars(text(TRIGGER_QUERIES[connection.dialect.name]))}


def find_drift(engine: Engine) -> list[str]:
    """Return the manual changes: the differences between the tables and the models."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

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
