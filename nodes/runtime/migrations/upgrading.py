"""Brings a database to the version of the program, in one transaction under its lock; or back to an older one, when people ask for it.

A database knows its revision by the table ``alembic_version``. Where it is the program's own, opening costs one query and Alembic is not
even imported. One that is older is upgraded at the start of its process, an SQLite file copied before; one whose revision the program does
not know was written by a newer program and is refused.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, column, inspect, select, table

from nodes.errors import DatabaseNewerError
from nodes.runtime import logging
from nodes.runtime.files import PRIVATE_FILE, sync_directory
from nodes.runtime.migrations.catalogue import revisions

WRITE_LOCK = 0x78696E71  # "xinq": ours among the advisory locks of a PostgreSQL database
WRITES = "xinqiao_begin"  # execution option of a transaction that may write: the statement that begins it on SQLite
WRITING = {WRITES: "BEGIN IMMEDIATE"}
"""Options of a connection whose transactions take SQLite's write lock at their beginning."""
UPGRADED, DOWNGRADED = "database.upgraded", "database.downgraded"
VERSION_TABLE = "alembic_version"
_log = logging.logger("database")


def revision_of(engine: Engine) -> str | None:
    """The revision that the database is at; None for one without tables, or with tables from before there were migrations."""
    with engine.connect() as connection:
        return _revision(connection)


def is_current(engine: Engine, kind: str) -> bool:
    """Whether the database is at the program's own revision of ``kind``. Raises DatabaseNewerError when it is at one unknown to the program."""
    return _checked(revision_of(engine), kind, engine) == revisions(kind)[-1]


def bring_up_to_date(engine: Engine, kind: str) -> None:
    """The database has every table of ``kind`` in its present form when this returns.

    Several processes may do this at once: one does it, the others wait. Tables from before there were migrations are taken as those of the
    first revision. Raises DatabaseNewerError when the database is newer than the program; then, as after any error, nothing is changed.
    """
    if is_current(engine, kind):
        return
    if engine.dialect.name == "postgresql":
        _make_schema(engine)
    elif (before := revision_of(engine)) is not None:
        _copy(engine, before)
    with engine.connect().execution_options(**WRITING) as connection, connection.begin():
        lock_writers(connection)
        before = _checked(_revision(connection), kind, engine)
        if before != revisions(kind)[-1]:
            _run("upgrade", connection, kind, "head")
            _log.info(UPGRADED, database=kind, before=before, after=revisions(kind)[-1])


def downgrade(engine: Engine, kind: str, revision: str) -> None:
    """Take back every revision after ``revision``, or all when it is "base"; what only they could hold is gone then.

    An SQLite file is copied before. Raises DatabaseNewerError when the database is at a revision that the program does not know.
    """
    if engine.dialect.name == "sqlite" and (held := _checked(revision_of(engine), kind, engine)) is not None:
        _copy(engine, held)
    with engine.connect().execution_options(**WRITING) as connection, connection.begin():
        lock_writers(connection)
        before = _checked(_revision(connection), kind, engine)
        _run("downgrade", connection, kind, revision)
        _log.info(DOWNGRADED, database=kind, before=before, after=revision)


def lock_writers(connection: Connection) -> None:
    """Let no other writer into the database until this transaction ends. SQLite does that at the transaction's beginning."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK}, hashtext(current_setting('search_path')))")


def _run(step: str, connection: Connection, kind: str, revision: str) -> None:
    from nodes.runtime.migrations import history  # noqa: PLC0415 - brings Alembic, which is needed where something changes: seldom

    history.run(step, connection, kind, revision)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: list[object] = list(connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalars())
    return ", ".join(sorted(map(str, found))) or None  # several are none of ours


def _checked(found: str | None, kind: str, engine: Engine) -> str | None:
    if found is not None and found not in revisions(kind):
        raise DatabaseNewerError(
            f"the database {engine.url.database} is at revision {found} of {kind!r}, this program knows {revisions(kind)[-1]} at most: a newer "
            "version of the program wrote it. Run that version, or let it take the changes back with 'xinqiao database downgrade'"
        )
    return found


def _make_schema(engine: Engine) -> None:
    with engine.connect() as connection, connection.begin():
        lock_writers(connection)
        schema = connection.exec_driver_sql("SHOW search_path").scalar_one()
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")


def _copy(engine: Engine, revision: str) -> None:
    """The file as it is, beside it as ``<name>.db.at-<revision>``, on disk when this returns."""
    path = Path(str(engine.url.database))
    target = path.with_name(f"{path.name}.at-{revision}")
    temporary = target.with_name(f".{target.name}.new")
    os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE_FILE))
    source, copy = sqlite3.connect(path), sqlite3.connect(temporary)
    try:
        source.backup(copy)
    finally:
        source.close()
        copy.close()
    temporary.replace(target)
    sync_directory(path.parent)
