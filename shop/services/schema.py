"""The steps of the database: which it is at, and which it should be at."""

from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine


def steps(folder: Path) -> list[str]:
    """All that this version knows, newest first."""
    return [step.revision for step in ScriptDirectory(str(folder)).walk_revisions()]


def present(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def lag(found: str | None, known: list[str]) -> str | None:
    """How far behind it is; a step that only a newer version knows is no harm (docs/migrations.md)."""
    if found == known[0] or (found and found not in known):
        return None
    return f"at step {found or 'none'}, not {known[0]}"
