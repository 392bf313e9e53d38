"""The databases of one process: SQLite in its state directory, or PostgreSQL by URL, behind the same two transactions.

``writing`` takes the write lock at its start (SQLite BEGIN IMMEDIATE, PostgreSQL an advisory lock), so that read-then-write inside it is
atomic, never fails half-way for want of the lock or of a serial order, and what is numbered inside it is numbered in the order of commits,
whichever process writes; ``reading`` sees one snapshot. After either returns, what was written is on disk (SQLite: WAL with
synchronous=FULL; PostgreSQL: a server whose synchronous_commit is off is refused).

In PostgreSQL each database of a process is a schema, so that all of them share one URL.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from nodes.errors import SettingsError, StorageUnavailableError
from nodes.runtime.files import PRIVATE_FILE, make_private_directory
from nodes.runtime.migrations.upgrading import WRITES, WRITING, bring_up_to_date, lock_writers
from nodes.runtime.observing import metrics

BUSY_TIMEOUT_MS = 15_000
_BEGUN = "xinqiao_begun"
_WORDS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "WITH"})
_opened: weakref.WeakKeyDictionary[Engine, tuple[Path, str]] = weakref.WeakKeyDictionary()
_SORTS_BY_BYTES = frozenset({"C", "POSIX", "C.UTF-8", "C.utf8"})
_MACHINE = (OSError, MemoryError, OperationalError, InterfaceError, InternalError, PoolTimeoutError)
_DISK_SAYS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})
_SQLITE_SAYS = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY})


def open_database(directory: Path, kind: str, url: str = "", *, name: str = "", schema: str = "") -> Engine:
    """Engine over a database with the present tables of ``kind`` (``nodes.runtime.migrations.catalogue``): the file ``directory/<name>.db``
    (mode 0600), or the schema ``schema`` of the PostgreSQL ``url``. ``name`` is ``kind`` when it is empty, ``schema`` is ``name``.

    Raises SettingsError when ``url`` is neither empty nor a postgresql+psycopg URL, or the server sorts, encodes or commits in another way
    than is needed; DatabaseNewerError when a newer program wrote the database.
    """
    engine = connect(directory / f"{name or kind}.db", url, schema or name or kind)
    bring_up_to_date(engine, kind)
    _observe(engine, name or kind)
    _opened[engine] = (directory, name or kind)
    return engine


def opened(state_dir: Path) -> list[Engine]:
    """Databases that this process has opened in ``state_dir`` or below it, and still holds."""
    return [engine for engine, (directory, _) in list(_opened.items()) if directory.is_relative_to(state_dir)]


def connect(path: Path, url: str, schema: str) -> Engine:
    """Engine over the file ``path``, or over ``schema`` of ``url`` when there is one, with whatever is in it. Raises SettingsError as above."""
    if url:
        engine = create_engine(check_postgresql(url), hide_parameters=True, pool_pre_ping=True, pool_size=10, max_overflow=20)
        event.listen(engine, "connect", partial(_enter_schema, schema), insert=True)
        _check_server(engine)
    else:
        make_private_directory(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        engine = create_engine(f"sqlite:///{path}", hide_parameters=True, connect_args={"check_same_thread": False}, pool_size=10, max_overflow=50)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that may write; commits at the end of the block, rolls back on an exception."""
    timed = metrics.TRANSACTIONS.labels(_name_of(engine), "writing").time()
    with timed, engine.connect().execution_options(**WRITING) as connection, connection.begin():
        lock_writers(connection)
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction over one snapshot; nothing that it writes is kept."""
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if engine.dialect.name == "postgresql" else {}
    with metrics.TRANSACTIONS.labels(_name_of(engine), "reading").time(), engine.connect().execution_options(**options) as connection:
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


def _name_of(engine: Engine) -> str:
    return _opened[engine][1] if engine in _opened else "other"


def _observe(engine: Engine, name: str) -> None:
    """Time every statement, by its first word: what it is about stands in none of the metrics [H3]."""

    def begin(connection: Connection, *_rest: object) -> None:
        connection.info.setdefault(_BEGUN, []).append(time.monotonic())

    def end(connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        word = statement.lstrip().partition(" ")[0].upper()
        begun = connection.info[_BEGUN].pop()
        metrics.STATEMENTS.labels(name, word if word in _WORDS else "other").observe(time.monotonic() - begun)

    def forget(context: ExceptionContext) -> None:
        if context.connection is not None:
            context.connection.info.pop(_BEGUN, None)

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    event.listen(engine, "handle_error", forget)


def check_postgresql(url: str) -> str:
    """``url`` is one of ours and says its password where nothing repeats it. Raises SettingsError, which repeats no part of a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise SettingsError("database_url is not a URL; @ : / ? # % in its password are written %40 %3A %2F %3F %23 %25") from None
    if parsed.drivername != "postgresql+psycopg":
        raise SettingsError(f"database_url starts with {parsed.drivername}://; it must be postgresql+psycopg://")
    if "@" in (parsed.host or ""):
        raise SettingsError("the password in database_url has an @: it is written %40 there")
    if any("password" in name for name in parsed.query):
        raise SettingsError("database_url has a password behind the ?, where messages would repeat it: it stands before the @")
    return url


def _enter_schema(schema: str, connection: Any, _record: ConnectionPoolEntry) -> None:
    """Every name without a schema means that of ``schema``, for as long as the connection lives: the setting is no transaction's."""
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute('SET search_path TO "{}"'.format(schema.replace('"', '""')))
    connection.autocommit = False


def _check_server(engine: Engine) -> None:
    """Raises SettingsError where the same program would give other answers on this server, or lose what it said was kept."""
    with engine.connect() as connection:
        facts = connection.exec_driver_sql(
            "SELECT datcollate, current_setting('server_encoding'), current_setting('synchronous_commit'), datname FROM pg_database "
            "WHERE datname = current_database()"
        ).one()
    if facts[0] not in _SORTS_BY_BYTES or facts[1] != "UTF8":
        raise SettingsError(
            f"the PostgreSQL database {facts[3]} sorts by {facts[0]} and keeps text as {facts[1]}; it must sort by C and keep UTF8: make it by "
            "CREATE DATABASE … TEMPLATE template0 LOCALE 'C' ENCODING 'UTF8'"
        )
    if facts[2] == "off":
        raise SettingsError(f"the PostgreSQL database {facts[3]} has synchronous_commit = off: what is kept must be on disk; set it to on")


def _prepare_sqlite(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver begins no transactions of its own
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(WRITES, "BEGIN"))
