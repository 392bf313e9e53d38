"""Whether a database has the tables that the program states: found by Alembic's comparison of both."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine

from nodes.runtime.migrations.catalogue import metadata_of


def differences(engine: Engine, kind: str) -> list[str]:
    """What the database lacks, has in another form, or has too much, against the tables of ``kind``; empty where both agree."""
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata_of(kind))
    return [_sentence(each) for each in found]


def _sentence(difference: object) -> str:
    """Alembic's tuple of what would have to be done; changes of one column come as a list of such."""
    parts = difference[0] if isinstance(difference, list) else difference
    assert isinstance(parts, tuple)
    return " ".join(str(getattr(part, "name", None) or part) for part in parts if part is not None and part != {})
