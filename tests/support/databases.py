"""Databases for tests: SQLite files in the directory that a test names, or, while ``on_server`` lasts, schemas of one PostgreSQL database,
one for each such file. So the same tests hold stores to the same promises on both: a module says ``pytestmark = ON_BOTH``."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, insert, select
from sqlalchemy.pool import StaticPool

from nodes.runtime.database import open_database, reading, writing
from nodes.runtime.migrations.catalogue import metadata_of

ON_BOTH = pytest.mark.usefixtures("both_engines")
"""Every test of the module runs twice: on SQLite, and at night on PostgreSQL. By day the suites of log, records, outbox, blobs and lease do so."""

ON_FILES = pytest.mark.on_files
"""Of such a module, a test about SQLite's files alone."""

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Table → its rows."""

_servers: list[str] = []  # URLs, the innermost last
_opened: list[Engine] = []


@contextmanager
def on_server(url: str) -> Iterator[None]:
    """Until the end of the block databases are schemas of the PostgreSQL database at ``url``; then their connections are closed."""
    _servers.append(url)
    try:
        yield
    finally:
        _servers.pop()
        for engine in _opened:
            engine.dispose()
        _opened.clear()


def database_in(directory: Path, kind: str, *, name: str = "") -> Engine:
    """As ``open_database``; opened again, it is the same database. Belongs to the test, whose end closes what is on a server."""
    if not _servers:
        return open_database(directory, kind, name=name)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # which others find there otherwise, made for the file
    schema = f"{name or kind}_{sha256(str(directory.resolve()).encode()).hexdigest()[:12]}"
    engine = open_database(directory, kind, _servers[-1], name=name, schema=schema)
    _opened.append(engine)
    return engine


def fresh_database(kind: str) -> Engine:
    """An empty database of the test's own: in memory, without durability and without migrations, or on the server."""
    if _servers:
        engine = open_database(Path(), kind, _servers[-1], schema=f"{kind}_{secrets.token_hex(6)}")
        _opened.append(engine)
        return engine
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    metadata_of(kind).create_all(engine)
    return engine


def rows_of(directory: Path, kind: str) -> Rows:
    """Everything in the database, as a backup would have it."""
    with reading(database_in(directory, kind)) as connection:
        tables = metadata_of(kind).sorted_tables
        return {table.name: [dict(row) for row in connection.execute(select(table)).mappings()] for table in tables}


def put_back(directory: Path, kind: str, rows: Rows) -> None:
    """The database holds these rows now, and nothing else."""
    with writing(database_in(directory, kind)) as connection:
        for table in reversed(metadata_of(kind).sorted_tables):
            connection.execute(table.delete())
        for table in metadata_of(kind).sorted_tables:
            if rows.get(table.name):
                connection.execute(insert(table), rows[table.name])
