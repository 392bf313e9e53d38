"""The databases that a process has: found in its state directory, or in the schemas of its PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, inspect

from nodes.errors import DatabaseNewerError
from nodes.runtime.database import connect
from nodes.runtime.migrations.catalogue import TABLES, revisions
from nodes.runtime.migrations.upgrading import VERSION_TABLE, revision_of
from nodes.runtime.settings import NodeSettings

_KIND_OF = {"register": "records", "members": "replica"}  # of those called otherwise than their kind
SUFFIX = ".db"


@dataclass(frozen=True, slots=True)
class Found:
    """One database. ``name``: its file under the state directory, or its schema; ``revision``: None before there were migrations."""

    name: str
    kind: str
    revision: str | None
    engine: Engine

    @property
    def newest(self) -> str:
        """The program's own revision."""
        return revisions(self.kind)[-1]

    @property
    def newer(self) -> bool:
        """Whether a newer program wrote it."""
        return self.revision is not None and self.revision not in revisions(self.kind)


def databases_of(settings: NodeSettings) -> Iterator[Found]:
    """Every database that the process of ``settings`` has made, by name. Each is closed when the next is asked for.

    Raises SettingsError as ``open_database``, DatabaseNewerError for a database of a kind that the program does not know.
    """
    places = _schemas(settings.database_url) if settings.database_url else _files(settings.state_dir)
    for name, path, schema in places:
        engine = connect(path, settings.database_url, schema)
        try:
            revision = revision_of(engine)
            yield Found(name, _kind(name, revision, schema), revision, engine)
        finally:
            engine.dispose()


def files_of(state_dir: Path) -> list[Path]:
    """The SQLite databases under ``state_dir``."""
    return sorted(path for path in state_dir.rglob(f"*{SUFFIX}") if path.is_file())


def _files(state_dir: Path) -> list[tuple[str, Path, str]]:
    return [(str(path.relative_to(state_dir)), path, path.stem) for path in files_of(state_dir)]


def _schemas(url: str) -> list[tuple[str, Path, str]]:
    engine = connect(Path(), url, "public")
    try:
        with engine.connect() as connection:
            found = [schema for schema in inspect(connection).get_schema_names() if inspect(connection).has_table(VERSION_TABLE, schema)]
    finally:
        engine.dispose()
    return [(schema, Path(), schema) for schema in found]


def _kind(name: str, revision: str | None, schema: str) -> str:
    kind = _KIND_OF.get(schema, schema) if revision is None else revision[:-5]
    if kind not in TABLES:
        raise DatabaseNewerError(f"{name} is no database that this program knows: at revision {revision}")
    return kind
