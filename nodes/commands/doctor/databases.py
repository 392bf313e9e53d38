"""The process's databases: there, readable, writable, without changing a row of them; PostgreSQL by its URL, SQLite by its files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from nodes.commands.doctor.findings import Case, Finding, soon, well, wrong
from nodes.errors import DatabaseNewerError, SettingsError
from nodes.runtime.database import check_postgresql
from nodes.runtime.migrations.found import databases_of

WAIT_S = 2.0
READ_THROUGH_BYTES = 1 << 30
BACKUP = "restore it from its backup (operator guide, Backup); do not delete a pin"


def check_databases(case: Case) -> Iterator[Finding]:
    """Every database can be read and written now; a lock is taken and let go of at once, also while the process runs."""
    if case.settings.database_url:
        yield _server(case.settings.database_url)
    files = sorted(case.settings.state_dir.rglob("*.db")) if case.settings.state_dir.is_dir() else []
    for file in files:
        yield _file(file)
    if not files and not case.settings.database_url:
        yield soon(
            "database",
            case.settings.state_dir,
            "there is none yet",
            "right before the first start; else state_dir is not the one that the process had",
        )


def check_versions(case: Case) -> Iterator[Finding]:
    """Every database is at the revision of this program. What cannot be opened is a finding of ``check_databases``."""
    try:
        for found in databases_of(case.settings):
            if found.newer:
                yield wrong(
                    "schema",
                    found.name,
                    f"a newer program wrote it: it is at {found.revision}",
                    "run that program again, or put back the copy from before (xinqiao database)",
                )
            elif found.revision != found.newest:
                says = f"at {found.revision or 'no revision'}, this program needs {found.newest}"
                yield soon(
                    "schema",
                    found.name,
                    says,
                    "the next start brings it up to date, an SQLite file copied before; xinqiao database upgrade does it now",
                )
            else:
                yield well("schema", found.name, f"at {found.newest}")
    except DatabaseNewerError as error:
        yield wrong("schema", case.settings.state_dir, str(error), "run the program that wrote it, or put back the copy from before")
    except (SQLAlchemyError, SettingsError, OSError):
        return


def _server(url: str) -> Finding:
    try:
        engine = create_engine(check_postgresql(url), hide_parameters=True, connect_args={"connect_timeout": int(WAIT_S) + 1})
        place = engine.url.render_as_string(hide_password=True)
        with engine.connect() as connection:
            read_only = connection.execute(text("SHOW transaction_read_only")).scalar()
            version = connection.execute(text("SHOW server_version")).scalar()
        engine.dispose()
    except (SQLAlchemyError, SettingsError, ImportError) as error:
        says = str(getattr(error, "orig", error)).strip().splitlines()[0]
        return wrong(
            "database",
            "database_url",
            says,
            "is the server running, does pg_hba.conf admit this user, is the password in XINQIAO_DATABASE_URL right?",
        )
    if read_only != "off":
        return wrong("database", place, "it takes no writes: it is a standby", "point database_url at the primary, or promote this one")
    return well("database", place, f"PostgreSQL {version}, writable")


def _file(file: Path) -> Finding:
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=WAIT_S, isolation_level=None)) as connection:
            whole = file.stat().st_size <= READ_THROUGH_BYTES
            check = "quick_check(3)" if whole else "schema_version"  # a large one is opened, and not read through
            problems = [row[0] for row in connection.execute(f"PRAGMA {check}") if whole and row[0] != "ok"]
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return wrong("database", file, "another program holds its lock", "end that program: a copy, a backup or an open shell of sqlite3")
        return wrong("database", file, str(error), "look at the disk, the file's owner and mode")
    except sqlite3.DatabaseError as error:
        return wrong("database", file, str(error), BACKUP)
    if problems:
        return wrong("database", file, f"damaged: {problems[0]}", BACKUP)
    return well("database", file, "whole and writable" if whole else "writable; too large to be read through here")
