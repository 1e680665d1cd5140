"""The steps of the database: which it is at, and which it should be at."""

from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from shop.domain.base import Base


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


def drift(engine: Engine) -> list[str]:
    """What somebody changed by hand: all that would make the tables again what the models say."""
    with engine.connect() as connection:
        return [
            said(each) for each in compare_metadata(MigrationContext.configure(connection), Base.metadata)
        ]


def said(change: Any) -> str:
    words = change[0] if isinstance(change, list) else change
    return " ".join(str(getattr(each, "name", each)) for each in words[:4] if each is not None)
