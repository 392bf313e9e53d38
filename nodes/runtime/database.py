"""The database of one process: SQLite in its state directory, or PostgreSQL by URL, behind the same two transactions.

``writing`` takes the write lock at its start (SQLite BEGIN IMMEDIATE), so that read-then-write inside it is atomic and never fails
half-way for want of the lock; ``reading`` sees one snapshot. After either returns, what was written is on disk
(SQLite: WAL with synchronous=FULL; PostgreSQL: synchronous_commit as the server's default, on).
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from nodes.errors import SettingsError, StorageUnavailableError
from nodes.runtime.files import PRIVATE_FILE, make_private_directory

BUSY_TIMEOUT_MS = 15_000
_BEGIN = "xinqiao_begin"
_MACHINE = (OSError, MemoryError, OperationalError, InterfaceError, InternalError, PoolTimeoutError)
_DISK_SAYS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})
_SQLITE_SAYS = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY})


def open_database(state_dir: Path, name: str, metadata: MetaData, url: str = "") -> Engine:
    """Engine over ``state_dir/<name>.db`` (mode 0600), or over the PostgreSQL ``url``, with the tables of ``metadata`` present.

    Raises SettingsError when ``url`` is neither empty nor a postgresql+psycopg URL.
    """
    if url:
        engine = create_engine(_postgresql(url), hide_parameters=True, pool_pre_ping=True, pool_size=10, max_overflow=20)
    else:
        path = make_private_directory(state_dir) / f"{name}.db"
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        engine = create_engine(f"sqlite:///{path}", hide_parameters=True, connect_args={"check_same_thread": False}, pool_size=10, max_overflow=50)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    metadata.create_all(engine)
    return engine


def joined(*parts: MetaData) -> MetaData:
    """The tables of several modules that share a database."""
    found = MetaData()
    for part in parts:
        for table in part.tables.values():
            table.to_metadata(found)
    return found


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that may write; commits at the end of the block, rolls back on an exception."""
    with engine.connect().execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}) as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction over one snapshot; nothing that it writes is kept."""
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if engine.dialect.name == "postgresql" else {}
    with engine.connect().execution_options(**options) as connection:
        transaction = connection.begin()
        try:
            yield connection
        finally:
            transaction.rollback()


def storage_trouble(error: Exception) -> Exception:
    """StorageUnavailableError where ``error`` says that the disk is full or failing or the database locked or away; else ``error`` itself."""
    cause = error.orig if isinstance(error, OperationalError) else error
    if isinstance(cause, sqlite3.OperationalError):
        troubled = getattr(cause, "sqlite_errorcode", -1) & 0xFF in _SQLITE_SAYS
    else:
        troubled = isinstance(error, OperationalError) or (isinstance(error, OSError) and error.errno in _DISK_SAYS)
    return StorageUnavailableError(str(cause)) if troubled else error


def of_the_machine(error: BaseException) -> bool:
    """Whether ``error`` comes of disk, database, network or memory, and not of what was worked on: the same work may succeed later."""
    return isinstance(error, _MACHINE)


def _postgresql(url: str) -> str:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError("database_url is not a URL") from error
    if parsed.drivername != "postgresql+psycopg":
        raise SettingsError(f"database_url starts with {parsed.drivername}://; it must be postgresql+psycopg://")
    return url


def _prepare_sqlite(connection: object, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]  # the driver begins no transactions of its own
    cursor = connection.cursor()  # type: ignore[attr-defined]  # the driver's connection, of which SQLAlchemy names no type
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))
